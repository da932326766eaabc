-- Step 3, continued: months and quarters are recomputed from the weeks, never added to. A week belongs to the
-- month and the quarter of its first day.

-- Clicks per impression and the like: 0 of nothing is 0, a part of an unknown whole is unknown. Absurd counts are
-- kept at the largest rate its column holds: a rollup must not refuse the week it follows.
create or replace function rate(p_count bigint, p_of bigint) returns numeric
language sql
immutable
as $$
    select case
        when p_of = 0 then 0
        when p_of <> 0 then least(round(p_count::numeric / p_of, 6), 9999.999999)
    end
$$;


-- The figures of every touched key in one month or quarter, as the text of a query. A key that no week holds any
-- more comes with active_weeks 0. A market total or volume that one of the weeks does not know is unknown.
--   p_unit: month or quarter    p_touched: a query for query, asin    p_sources: the tables that hold weeks
create or replace function rollup_figures(
    p_unit text, p_first date, p_last date, p_touched text, p_sources regclass[]
) returns text
language sql
stable
as $$
    select format(
        $figures$
        select
            sums.*,
            %1$L::date as period_end,
            %2$s as year,
            %3$s as %4$I,
            rate(total_clicks, total_impressions) as avg_ctr,
            rate(total_purchases, total_clicks) as avg_cvr,
            rate(total_impressions, market_impressions) as impression_share,
            rate(total_clicks, market_clicks) as click_share,
            rate(total_cart_adds, market_cart_adds) as cart_add_share,
            rate(total_purchases, market_purchases) as purchase_share,
            null::varchar as bigquery_sync_id,
            null::bigint as sync_log_id,
            null::timestamptz as last_synced_at
        from (
            select
                touched.query,
                touched.asin,
                count(week.asin)::integer as active_weeks,
                coalesce(sum(week.total_impressions), 0)::bigint as total_impressions,
                coalesce(sum(week.total_clicks), 0)::bigint as total_clicks,
                coalesce(sum(week.total_cart_adds), 0)::bigint as total_cart_adds,
                coalesce(sum(week.total_purchases), 0)::bigint as total_purchases,
                case when count(week.market_impressions) = count(*) then sum(week.market_impressions) end::bigint
                    as market_impressions,
                case when count(week.market_clicks) = count(*) then sum(week.market_clicks) end::bigint
                    as market_clicks,
                case when count(week.market_cart_adds) = count(*) then sum(week.market_cart_adds) end::bigint
                    as market_cart_adds,
                case when count(week.market_purchases) = count(*) then sum(week.market_purchases) end::bigint
                    as market_purchases,
                min(week.query_score) as query_score,
                case when count(week.query_volume) = count(*) then sum(week.query_volume) end::bigint
                    as query_volume
            from (%5$s) as touched
            left join (%6$s) as week on week.query = touched.query and week.asin = touched.asin
            group by touched.query, touched.asin
        ) as sums
        $figures$,
        p_last,
        extract(year from p_first),
        case p_unit when 'month' then extract(month from p_first) else extract(quarter from p_first) end,
        p_unit,
        p_touched,
        (
            -- Constant bounds, so that only the partitions of the period are opened.
            select string_agg(
                format(
                    'select
                        query, asin, query_score, query_volume,
                        total_impressions, total_clicks, total_cart_adds, total_purchases,
                        market_impressions, market_clicks, market_cart_adds, market_purchases
                    from %s where period_start between %L and %L',
                    source, p_first, p_last
                ),
                ' union all '
            )
            from unnest(p_sources) as source
        )
    )
$$;


-- Makes the month or quarter rows of the touched keys equal to their figures, as the text of one statement.
-- A row that is right already is not written.
create or replace function rollup_merge(
    p_unit text, p_first date, p_last date, p_touched text, p_sources regclass[]
) returns text
language sql
stable
as $$
    select format(
        $merge$
        merge into %1$I as rollup
        using (%2$s) as figures
        on rollup.period_start = %3$L and rollup.query = figures.query and rollup.asin = figures.asin
        when matched and figures.active_weeks = 0 then
            delete
        when matched and (%4$s) is distinct from (%5$s) then
            update set (%6$s, updated_at) = row (%5$s, current_timestamp)
        when not matched and figures.active_weeks > 0 then
            insert (period_start, query, asin, %6$s) values (%3$L, figures.query, figures.asin, %5$s)
        $merge$,
        p_unit || 'ly_summary',
        rollup_figures(p_unit, p_first, p_last, p_touched, p_sources),
        p_first,
        string_agg('rollup.' || name, ', '),
        string_agg('figures.' || name, ', '),
        string_agg(name, ', ')
    )
    from unnest(
        array[
            'period_end', 'year', p_unit, 'active_weeks',
            'total_impressions', 'total_clicks', 'total_cart_adds', 'total_purchases',
            'market_impressions', 'market_clicks', 'market_cart_adds', 'market_purchases',
            'query_score', 'query_volume',
            'avg_ctr', 'avg_cvr', 'impression_share', 'click_share', 'cart_add_share', 'purchase_share',
            'bigquery_sync_id', 'sync_log_id', 'last_synced_at'
        ]
    ) as name
$$;


-- Only an adopted plain table can hold a key twice: keeps one row of each touched key, for the merge to put right.
create or replace function rollup_deduplication(p_unit text, p_first date, p_touched text) returns text
language sql
stable
as $$
    select format(
        $delete$
        delete from %1$I as rollup
        using (
            select copy.ctid, row_number() over (partition by copy.query, copy.asin order by copy.ctid) as number
            from %1$I as copy
            join (%3$s) as touched on copy.query = touched.query and copy.asin = touched.asin
            where copy.period_start = %2$L
        ) as copies
        where rollup.ctid = copies.ctid and copies.number > 1
        $delete$,
        p_unit || 'ly_summary', p_first, p_touched
    )
$$;


-- Notes in the ledger that the month or quarter is derived from weeks, or no longer there.
create or replace function record_derived(p_unit text, p_first date, p_last date) returns void
language plpgsql
set search_path from current
as $$
declare
    v_has_rows boolean;
begin
    execute format('select exists (select from %I where period_start = %L)', p_unit || 'ly_summary', p_first)
    into v_has_rows;
    if v_has_rows then
        insert into synced_period as ledger (sync_type, period_start, period_end, state)
        values (p_unit || 'ly', p_first, p_last, 'derived')
        on conflict (sync_type, period_start) do update
        set period_end = excluded.period_end, published_at = excluded.published_at;
    else
        delete from synced_period where sync_type = p_unit || 'ly' and period_start = p_first;
    end if;
end
$$;


-- The statements that bring the months and quarters of the given weeks up to date, ready to be executed in order.
-- Locks them all first, months before quarters and older before newer, so that two publishes cannot deadlock;
-- leaves out those that their own sync has published. The caller executes them, because only a trigger function
-- itself sees its transition tables; it needs read committed, so that what it waited for is seen.
--   p_weeks: the weeks touched    p_touched: a query for period_start, query, asin    p_sources: as above
create or replace function rollup_statements(p_weeks date[], p_touched text, p_sources regclass[])
returns setof text
language plpgsql
set search_path from current
as $$
declare
    v_unit text;
    v_first date;
    v_last date;
    v_touched text;
begin
    for v_unit, v_first in
        select unit, date_trunc(unit, week)::date as first
        from unnest(array['month', 'quarter']) as unit, unnest(p_weeks) as week
        group by unit, first
        order by unit, first
    loop
        perform lock_period(v_unit || 'ly', v_first);
        continue when exists (
            select from synced_period where sync_type = v_unit || 'ly' and period_start = v_first and state = 'synced'
        );
        v_last := v_first + case v_unit when 'month' then interval '1 month' else interval '3 months' end;
        v_last := v_last - 1;
        v_touched := format(
            'select distinct query, asin from (%s) as touched where period_start between %L and %L',
            p_touched, v_first, v_last
        );
        if (select relkind from pg_class where oid = (v_unit || 'ly_summary')::regclass) = 'r' then
            return next rollup_deduplication(v_unit, v_first, v_touched);
        end if;
        return next rollup_merge(v_unit, v_first, v_last, v_touched, p_sources);
        return next format('select record_derived(%L, %L, %L)', v_unit, v_first, v_last);
    end loop;
end
$$;


-- Recomputes the months and quarters of every key in a staged week that is not attached yet: what weekly_summary
-- holds plus the staged rows.
create or replace function refresh_rollups(p_pending regclass) returns void
language plpgsql
set search_path from current
as $$
declare
    v_touched text := format('select period_start, query, asin from %s', p_pending);
    v_weeks date[];
    v_statement text;
begin
    execute format('select array_agg(distinct period_start) from (%s) as touched', v_touched) into v_weeks;
    for v_statement in select rollup_statements(v_weeks, v_touched, array['weekly_summary'::regclass, p_pending]) loop
        execute v_statement;
    end loop;
end
$$;
