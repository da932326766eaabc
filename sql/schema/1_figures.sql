-- Figures of a row: rates, the hash that both sides of a sync compute, and how weeks are summed.
--
-- A function of this schema means the same whatever a caller's search_path, types and operators are: it has a
-- search_path of its own, or a body after "return", whose names are resolved when it is created. Only the latter is
-- inlined into the statement that calls it.


-- Clicks per impression and the like: 0 of nothing is 0, a part of an unknown whole is unknown. A rate that its column
-- cannot hold is null. The whole quotient is cheap and decides for all rates but absurd ones. Most rows have no click
-- and no purchase, and a decimal division costs more than everything else that is computed of a row.
create or replace function rate(p_count bigint, p_of bigint) returns numeric
language sql
immutable
parallel safe
return case
    when p_of = 0 then 0
    when p_count = 0 and p_of <> 0 then 0.000000
    when p_count / p_of < 9999 or round(p_count::numeric / p_of, 6) < 10000 then round(p_count::numeric / p_of, 6)
end;


-- The hash of one row; sql/totals.sql has the same for BigQuery. bit_xor of it is the hash of a period.
--   p_figures: counts and rates as Postgres writes a row, (1200,34,,0.028333)
--   p_query: on a line of its own, the extras follow as another row, if there are any
create or replace function row_hash(p_asin text, p_figures text, p_query text) returns bigint
language sql
immutable
parallel safe
return ('x0' || substr(md5(coalesce(p_asin, '') || p_figures || coalesce(p_query, '')), 1, 15))::bit(64)::bigint;


-- What a summary row carries besides its key, and how the rows of several weeks become one. core/contract.py has the
-- same list.
--   sum        nothing counts as 0
--   known_sum  null where one of the weeks does not say
--   min, max
--   rate       numerator / denominator of the summed counts
--   unknown    null: medians do not add
create or replace function summary_figures()
returns table (name text, type text, rule text, numerator text, denominator text)
language sql
immutable
set search_path from current
as $$
    values
        ('total_impressions', 'bigint default 0', 'sum', null, null),
        ('total_clicks', 'bigint default 0', 'sum', null, null),
        ('total_cart_adds', 'bigint default 0', 'sum', null, null),
        ('total_purchases', 'bigint default 0', 'sum', null, null),
        ('market_impressions', 'bigint', 'known_sum', null, null),
        ('market_clicks', 'bigint', 'known_sum', null, null),
        ('market_cart_adds', 'bigint', 'known_sum', null, null),
        ('market_purchases', 'bigint', 'known_sum', null, null),
        ('query_score', 'bigint', 'min', null, null),
        ('query_volume', 'bigint', 'known_sum', null, null),
        ('market_same_day_clicks', 'bigint', 'known_sum', null, null),
        ('market_one_day_clicks', 'bigint', 'known_sum', null, null),
        ('market_two_day_clicks', 'bigint', 'known_sum', null, null),
        ('market_same_day_cart_adds', 'bigint', 'known_sum', null, null),
        ('market_one_day_cart_adds', 'bigint', 'known_sum', null, null),
        ('market_two_day_cart_adds', 'bigint', 'known_sum', null, null),
        ('market_same_day_purchases', 'bigint', 'known_sum', null, null),
        ('market_one_day_purchases', 'bigint', 'known_sum', null, null),
        ('market_two_day_purchases', 'bigint', 'known_sum', null, null),
        ('market_click_price', 'numeric(14, 4)', 'unknown', null, null),
        ('click_price', 'numeric(14, 4)', 'unknown', null, null),
        ('market_cart_add_price', 'numeric(14, 4)', 'unknown', null, null),
        ('cart_add_price', 'numeric(14, 4)', 'unknown', null, null),
        ('market_purchase_price', 'numeric(14, 4)', 'unknown', null, null),
        ('purchase_price', 'numeric(14, 4)', 'unknown', null, null),
        ('currency', 'text', 'unknown', null, null),
        ('avg_ctr', 'numeric(10, 6)', 'rate', 'total_clicks', 'total_impressions'),
        ('avg_cvr', 'numeric(10, 6)', 'rate', 'total_purchases', 'total_clicks'),
        ('impression_share', 'numeric(10, 6)', 'rate', 'total_impressions', 'market_impressions'),
        ('click_share', 'numeric(10, 6)', 'rate', 'total_clicks', 'market_clicks'),
        ('cart_add_share', 'numeric(10, 6)', 'rate', 'total_cart_adds', 'market_cart_adds'),
        ('purchase_share', 'numeric(10, 6)', 'rate', 'total_purchases', 'market_purchases')
$$;


-- A figure that is new in the list becomes a column of every summary table, so that it needs no revision of its own. No
-- row is rewritten.
do $$
declare
    v_table text;
    v_missing text;
begin
    for v_table, v_missing in
        select t.target_table, string_agg(format('add column %I %s', f.name, f.type), ', ' order by f.position)
        from period_type as t, summary_figures() with ordinality as f (name, type, rule, numerator, denominator, position)
        where not exists (
            select from pg_attribute
            where attrelid = t.target_table::regclass and attname = f.name and not attisdropped
        )
        group by t.target_table
    loop
        execute format('alter table %I %s', v_table, v_missing);
    end loop;
end
$$;
