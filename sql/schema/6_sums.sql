-- What dashboards should read: one row a query, or one row an ASIN, of each period. Amazon repeats the market's counts
-- of a query on the row of each ASIN, so adding them up over rows counts the market once for each ASIN.


-- How a figure is added up, as the text of an expression over rows of a summary table; null for what does not add up.
--   query  its ASINs share the market and the volume: these are taken once, the largest where they disagree. Of the
--          score the best is taken. An ASIN's own medians say nothing of the others.
--   asin   each of its queries has a market of its own, and these add up; one that is not known makes the sum unknown.
create or replace function pg_temp.added_up(p_key text, p_name text, p_rule text) returns text
language sql
immutable
return case
    when p_rule = 'sum' then format('sum(%I)::bigint', p_name)
    when p_rule = 'known_sum' and p_key = 'asin'
        then format('case when count(%1$I) = count(*) then sum(%1$I) end::bigint', p_name)
    when p_key = 'asin' then null
    when p_rule = 'known_sum' then format('max(%I)::bigint', p_name)
    when p_rule in ('min', 'max') then format('%s(%I)::bigint', p_rule, p_name)
    when p_name like 'market_%_price' then format('max(%I)::numeric', p_name)
    when p_name = 'currency' then 'max(currency)::text'
end;


-- The columns of a view that add up, and what it says besides.
create or replace function pg_temp.columns_of(p_key text, p_unit text)
returns table (name text, expression text, is_once boolean, number bigint)
language sql
stable
as $$
    select f.name, pg_temp.added_up(p_key, f.name, f.rule), f.rule = 'known_sum' and p_key = 'query', f.number
    from summary_figures() with ordinality as f (name, type, rule, numerator, denominator, number)
    where pg_temp.added_up(p_key, f.name, f.rule) is not null
    union all
    select case p_key when 'query' then 'asins' else 'queries' end, 'count(*)', false, 0
    union all
    select 'active_weeks', 'max(active_weeks)', false, 100
    where p_unit <> 'week'
    union all
    select
        'market_disagreements',
        string_agg(format('(min(%1$I) is distinct from max(%1$I))::integer', market), ' + '),
        false,
        101
    from unnest('{market_impressions,market_clicks,market_cart_adds,market_purchases}'::text[]) as market
    where p_key = 'query'
    having p_key = 'query'
$$;


-- The rows of a summary table added up, as the text of a query.
create or replace function pg_temp.sums_of(p_type period_type, p_key text) returns text
language sql
stable
return (
    select format(
        'select period_start, period_end, %1$s %2$I, %3$s from %4$I group by period_start, period_end, %1$s %2$I',
        case when p_type.unit <> 'week' then format('year, %I,', p_type.unit) end,
        p_key,
        string_agg(format('%s as %I', expression, name), ', ' order by number),
        p_type.target_table
    )
    from pg_temp.columns_of(p_key, p_type.unit)
);


-- What the weeks of a month or quarter say of each query's market, as the text of a query. Asked are only the periods
-- whose weeks are all here, which the ledger tells: those that we summed, and those that BigQuery summed from weeks that
-- are all published. Amazon's own months, without active_weeks, need no weeks. A policy may hide weeks of a query, and
-- then nobody can tell how many.
create or replace function pg_temp.markets_of(p_type period_type) returns text
language sql
stable
return (
    select format(
        $market$
        select
            ledger.period_start,
            extract(year from ledger.period_start)::integer as year,
            extract(%s from ledger.period_start)::integer as %I,
            market.*
        from synced_period as ledger
        cross join lateral (
            select query, count(*)::integer as active_weeks, max(market_disagreements) as market_disagreements, %s
            from weekly_query
            where period_start between ledger.period_start and ledger.period_end
            group by query
        ) as market
        where
            ledger.sync_type = %L
            and (
                ledger.state = 'derived'
                or ledger.state = 'synced' and number_of_weeks(ledger.period_start, ledger.period_end) = (
                    select count(*) from synced_period as week
                    where
                        week.sync_type = 'weekly'
                        and week.state = 'synced'
                        and week.period_start between ledger.period_start and ledger.period_end
                )
            )
            and exists (
                select from %I as summed
                where summed.period_start = ledger.period_start and summed.active_weeks is not null
            )
            and not row_security_active('weekly_summary'::regclass)
        $market$,
        p_type.unit,
        p_type.unit,
        string_agg(pg_temp.added_up('asin', name, 'known_sum') || format(' as %I', name), ', '),
        p_type.sync_type,
        p_type.target_table
    )
    from pg_temp.columns_of('query', p_type.unit)
    where is_once
);


-- The same rows, with the market of each query. In a month or quarter that is summed from weeks, the row of an ASIN has
-- the market of only those weeks that have this ASIN. So there the weeks are asked. Where they are not all here, an ASIN
-- that was there in each of them has the market of all. Else nobody knows it: it is null, and so are the shares. Joined
-- by all that people filter by, so that only the weeks of the periods that they ask for are read.
create or replace function pg_temp.sums_with_markets(p_type period_type) returns text
language sql
stable
return (
    select format(
        $sums$
        select sums.period_start, sums.period_end, sums.year, sums.%1$I, sums.query, %2$s
        from (%3$s) as sums
        left join (%4$s) as weeks
            on weeks.period_start = sums.period_start
            and weeks.year = sums.year
            and weeks.%1$I = sums.%1$I
            and weeks.query = %5$s
        $sums$,
        p_type.unit,
        string_agg(
            format(
                case
                    when name = 'market_disagreements' then
                        'case when sums.active_weeks is null then sums.%1$I else weeks.%1$I end as %1$I'
                    when is_once or name = 'active_weeks' then
                        $known$
                        case
                            when sums.active_weeks is null then sums.%1$I
                            when weeks.query is not null then weeks.%1$I
                            when sums.active_weeks >= number_of_weeks(sums.period_start, sums.period_end) then sums.%1$I
                        end as %1$I
                        $known$
                    else 'sums.%I'
                end,
                name
            ),
            ', ' order by number
        ),
        pg_temp.sums_of(p_type, 'query'),
        pg_temp.markets_of(p_type),
        as_in('weekly_summary', 'query', 'sums.query', p_type.target_table)
    )
    from pg_temp.columns_of('query', p_type.unit)
);


-- weekly_query, weekly_asin and so on. The calendar is grouped by, so that a filter on it opens only the partitions it
-- needs. A column that is new in the list comes last, because a view can only append.
do $$
declare
    v_type period_type;
    v_key text;
    v_view text;
    v_columns text;
begin
    for v_type in select * from period_type order by step loop
        foreach v_key in array '{query,asin}'::text[] loop
            v_view := v_type.sync_type || '_' || v_key;
            select string_agg(format('%s as %I', expression, name), ', ' order by attnum nulls last, number)
            into v_columns
            from (
                select name, quote_ident(name) as expression, number from pg_temp.columns_of(v_key, v_type.unit)
                union all
                select f.name, format('rate(%I, %I)', numerator, denominator), f.number
                from summary_figures() with ordinality as f (name, type, rule, numerator, denominator, number)
                where rule = 'rate'
            ) as wanted
            left join pg_attribute on attrelid = to_regclass(v_view) and attname = name;
            execute format(
                'create or replace view %I with (security_invoker = true) as
                select period_start, period_end, %s %I, %s from (%s) as figures',
                v_view,
                case when v_type.unit <> 'week' then format('year, %I,', v_type.unit) end,
                v_key,
                v_columns,
                case
                    when v_key = 'query' and v_type.unit <> 'week' then pg_temp.sums_with_markets(v_type)
                    else pg_temp.sums_of(v_type, v_key)
                end
            );
            execute format(
                'comment on view %I is %L',
                v_view,
                case v_key
                    when 'query' then
                        'One row for each query of each period: own counts added up over the ASINs; volume and market '
                        'taken once, and the best score; rates and shares computed of these. asins: how many rows they '
                        'come from. market_disagreements: for how many of the four market totals the ASINs have '
                        'different numbers; the largest is taken. In a month or quarter that is summed from weeks which '
                        'are not all here, the market of a query that no ASIN has in each week is not known: null.'
                    else
                        'One row for each ASIN of each period: own counts and market totals added up over its queries; '
                        'rates and shares computed of these. queries: how many rows they come from.'
                end
            );
        end loop;
    end loop;
end
$$;

drop function
    pg_temp.sums_with_markets, pg_temp.markets_of, pg_temp.sums_of, pg_temp.columns_of, pg_temp.added_up;
