-- Months and quarters follow a large week in less time. One that has no rows yet is built apart, then keyed and indexed
-- once and attached, as a new week is. In one that is there, an update finds room on its own page and touches no index.

-- Derived rows belong to no sync: leaving them out spares each update of one an entry in this index.
do $$
declare
    v_table text;
begin
    foreach v_table in array array['weekly_summary', 'monthly_summary', 'quarterly_summary'] loop
        if (select relkind from pg_class where oid = v_table::regclass) = 'p' then
            execute format('drop index if exists %I', v_table || '_sync_log_id_idx');
            execute format(
                'create index %I on %I (sync_log_id) where sync_log_id is not null', v_table || '_sync_log_id_idx', v_table
            );
        end if;
    end loop;
end
$$;


-- How full the pages of a month or quarter are made: of the rows of a week, so many have most been there before.
create or replace function rollup_fillfactor() returns integer
language sql
immutable
as $$
    select 60
$$;

-- Whether a partition other than the default one takes the rows of this day.
create or replace function day_has_partition(p_table regclass, p_day date) returns boolean
language sql
stable
as $$
    select exists (
        select
        from pg_inherits as i
        join pg_class as c on c.oid = i.inhrelid
        cross join lateral regexp_match(
            pg_get_expr(c.relpartbound, c.oid), $re$FROM \('(.+)'\) TO \('(.+)'\)$re$
        ) as bound
        where i.inhparent = p_table and bound[1]::date <= p_day and bound[2]::date > p_day
    )
$$;


-- What the partition of a period is called: monthly_summary_20261101.
create or replace function partition_name(p_table text, p_first date) returns text
language sql
immutable
as $$
    select p_table || '_' || (
        extract(year from p_first) * 10000 + extract(month from p_first) * 100 + extract(day from p_first)
    )::integer
$$;


-- Whether any of the tables has a row between two days.
create or replace function has_rows_between(p_tables regclass[], p_first date, p_last date) returns boolean
language plpgsql
stable
as $$
declare
    v_table regclass;
    v_found boolean;
begin
    foreach v_table in array p_tables loop
        execute format('select exists (select from %s where period_start between %L and %L)', v_table, p_first, p_last)
        into v_found;
        if v_found then
            return true;
        end if;
    end loop;
    return false;
end
$$;


-- Whether a partition that is made elsewhere can become the period's: nothing of it is there, and the name is free.
create or replace function can_be_attached(p_table text, p_first date, p_last date) returns boolean
language sql
stable
set search_path from current
as $$
    select
        exists (select from pg_partitioned_table where partrelid = p_table::regclass)
        and to_regclass(partition_name(p_table, p_first)) is null
        and not day_has_partition(p_table::regclass, p_first)
        and not day_has_partition(p_table::regclass, p_last)
        and not has_rows_between(array[p_table::regclass], p_first, p_last)
$$;


-- As before, with room on the pages of a month or quarter.
create or replace function ensure_period_partition(p_table text, p_first date, p_last date) returns boolean
language plpgsql
set search_path from current
as $$
declare
    v_partition text := partition_name(p_table, p_first);
begin
    if not can_be_attached(p_table, p_first, p_last) then
        return false;
    end if;
    -- Attaching, unlike "create table … partition of", does not lock out readers of the parent.
    execute format(
        'create table %I (like %I including all) with (fillfactor = %s)',
        v_partition, p_table, case p_table when 'weekly_summary' then 100 else rollup_fillfactor() end
    );
    execute format(
        'alter table %I attach partition %I for values from (%L) to (%L)', p_table, v_partition, p_first, p_last + 1
    );
    return true;
exception
    -- Somebody else was faster, or a row in the default partition is in the way.
    when duplicate_table or invalid_object_definition or check_violation then
        return false;
end
$$;


-- As before, and without p_touched the figures of every key that the sources hold: nothing has to be joined then.
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
                %7$I.query,
                %7$I.asin,
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
            from %5$s (%6$s) as week %8$s
            group by %7$I.query, %7$I.asin
        ) as sums
        $figures$,
        p_last,
        extract(year from p_first),
        case p_unit when 'month' then extract(month from p_first) else extract(quarter from p_first) end,
        p_unit,
        case when p_touched is not null then format('(%s) as touched left join', p_touched) end,
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
        ),
        case when p_touched is null then 'week' else 'touched' end,
        case when p_touched is not null then 'on week.query = touched.query and week.asin = touched.asin' end
    )
$$;


-- The columns of a month or quarter that its weeks decide, besides its key.
create or replace function rollup_columns(p_unit text) returns text[]
language sql
immutable
as $$
    select array[
        'period_end', 'year', p_unit, 'active_weeks',
        'total_impressions', 'total_clicks', 'total_cart_adds', 'total_purchases',
        'market_impressions', 'market_clicks', 'market_cart_adds', 'market_purchases',
        'query_score', 'query_volume',
        'avg_ctr', 'avg_cvr', 'impression_share', 'click_share', 'cart_add_share', 'purchase_share',
        'bigquery_sync_id', 'sync_log_id', 'last_synced_at'
    ]
$$;


create or replace function rollup_merge(
    p_unit text, p_first date, p_last date, p_touched text, p_sources regclass[]
) returns text
language sql
stable
set search_path from current
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
    from unnest(rollup_columns(p_unit)) as name
$$;


-- The statements that build a month or quarter as a table of its own, with the key and the index of its partition.
create or replace function rollup_build(
    p_unit text, p_first date, p_last date, p_touched text, p_sources regclass[]
) returns setof text
language plpgsql
stable
set search_path from current
as $$
declare
    v_table text := p_unit || 'ly_summary';
    v_partition text := partition_name(v_table, p_first);
    v_columns text := array_to_string(rollup_columns(p_unit), ', ');
begin
    return next format(
        'create table %I (like %I including defaults including constraints) with (fillfactor = %s)',
        v_partition, v_table, rollup_fillfactor()
    );
    return next format(
        'insert into %I (period_start, query, asin, %s) select %L, query, asin, %s from (%s) as figures',
        v_partition, v_columns, p_first, v_columns,
        rollup_figures(p_unit, p_first, p_last, p_touched, p_sources)
    );
    return next format('alter table %I add primary key (period_start, query, asin)', v_partition);
    return next format('create index on %I (sync_log_id) where sync_log_id is not null', v_partition);
    return next format('analyze %I (period_start, query, asin)', v_partition);
end
$$;


-- As before. With p_apart a month or quarter that is new is built first and attached last, because attaching holds
-- locks that others may wait for. A trigger must not ask for that: its transaction may stay open for long.
drop function if exists rollup_statements(date[], text, regclass[]);

create or replace function rollup_statements(p_weeks date[], p_touched text, p_sources regclass[], p_apart boolean default false)
returns setof text
language plpgsql
set search_path from current
as $$
declare
    v_unit text;
    v_first date;
    v_last date;
    v_table text;
    v_touched text;
    v_attach text[] := '{}';
begin
    for v_unit, v_first in
        select unit, date_trunc(unit, week)::date as first
        from unnest(array['month', 'quarter']) as unit, unnest(p_weeks) as week
        group by unit, first
        order by unit, first
    loop
        v_table := v_unit || 'ly_summary';
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
        if p_apart and can_be_attached(v_table, v_first, v_last) then
            if not has_rows_between(array['weekly_summary'::regclass], v_first, v_last) then
                v_touched := null;
            end if;
            return query select rollup_build(v_unit, v_first, v_last, v_touched, p_sources);
            v_attach := v_attach || format(
                'alter table %I attach partition %I for values from (%L) to (%L)',
                v_table, partition_name(v_table, v_first), v_first, v_last + 1
            );
            v_attach := v_attach || format('select record_derived(%L, %L, %L)', v_unit, v_first, v_last);
            continue;
        end if;
        if (select relkind from pg_class where oid = v_table::regclass) = 'r' then
            return next rollup_deduplication(v_unit, v_first, v_touched);
        end if;
        return next rollup_merge(v_unit, v_first, v_last, v_touched, p_sources);
        return next format('select record_derived(%L, %L, %L)', v_unit, v_first, v_last);
    end loop;
    return query select unnest(v_attach);
end
$$;


-- Recomputes the months and quarters of every key in a staged week that is not attached yet: what weekly_summary
-- holds plus the staged rows. A million keys are sorted and joined, so it gets the memory for that, and no hashed
-- grouping: the planner cannot know how many keys two tables have together, and hashes into files.
create or replace function refresh_rollups(p_pending regclass) returns void
language plpgsql
set search_path from current
set work_mem = '64MB'
set maintenance_work_mem = '256MB'
set enable_hashagg = off
as $$
declare
    v_touched text := format('select period_start, query, asin from %s', p_pending);
    v_weeks date[];
    v_statement text;
begin
    execute format('select array_agg(distinct period_start) from (%s) as touched', v_touched) into v_weeks;
    for v_statement in
        select rollup_statements(v_weeks, v_touched, array['weekly_summary'::regclass, p_pending], p_apart => true)
    loop
        execute v_statement;
    end loop;
end
$$;
