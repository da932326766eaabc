-- Figures of a row: rates, the hash that both sides of a sync compute, and how weeks are summed.


-- Clicks per impression and the like: 0 of nothing is 0, a part of an unknown whole is unknown. Absurd counts are
-- kept at the largest rate its column holds: a month must not refuse the week that it follows.
create or replace function rate(p_count bigint, p_of bigint) returns numeric
language sql
immutable
as $$
    select case
        when p_of = 0 then 0
        when p_of <> 0 then least(round(p_count::numeric / p_of, 6), 9999.999999)
    end
$$;


-- The hash of one row; sql/totals.sql has the same for BigQuery. bit_xor of it is the hash of a period.
--   p_figures: counts and rates as Postgres writes a row, (1200,34,,0.028333)
create or replace function row_hash(p_asin text, p_figures text, p_query text) returns bigint
language sql
immutable
as $$
    select ('x0' || substr(md5(coalesce(p_asin, '') || p_figures || coalesce(p_query, '')), 1, 15))::bit(64)::bigint
$$;


-- The figures of a summary row, and how those of several weeks become one. core/contract.py has the same list.
--   sum        nothing counts as 0
--   known_sum  null where one of the weeks does not say
--   min, max
--   rate       numerator / denominator of the summed counts
create or replace function summary_figures()
returns table (name text, rule text, numerator text, denominator text)
language sql
immutable
as $$
    values
        ('total_impressions', 'sum', null, null),
        ('total_clicks', 'sum', null, null),
        ('total_cart_adds', 'sum', null, null),
        ('total_purchases', 'sum', null, null),
        ('market_impressions', 'known_sum', null, null),
        ('market_clicks', 'known_sum', null, null),
        ('market_cart_adds', 'known_sum', null, null),
        ('market_purchases', 'known_sum', null, null),
        ('query_score', 'min', null, null),
        ('query_volume', 'known_sum', null, null),
        ('avg_ctr', 'rate', 'total_clicks', 'total_impressions'),
        ('avg_cvr', 'rate', 'total_purchases', 'total_clicks'),
        ('impression_share', 'rate', 'total_impressions', 'market_impressions'),
        ('click_share', 'rate', 'total_clicks', 'market_clicks'),
        ('cart_add_share', 'rate', 'total_cart_adds', 'market_cart_adds'),
        ('purchase_share', 'rate', 'total_purchases', 'market_purchases')
$$;
