-- Months and quarters that are summed from weeks. They are recomputed, never added to. A week belongs to the month and
-- the quarter of its first day.


-- The period types that are summed from weeks.
create or replace view rollup_type as
select * from period_type
where unit <> 'week';

comment on view rollup_type is 'The period types whose rows are summed from weeks until a sync of their own publishes them.';


-- The columns of a month or quarter that its weeks decide, besides its key.
create or replace function rollup_columns(p_type rollup_type) returns text[]
language sql
stable
set search_path from current
as $$
    select array['period_end', 'year', p_type.unit, 'active_weeks']
        || (select array_agg(name) from summary_figures())
        || array['bigquery_sync_id', 'sync_log_id', 'last_synced_at']
$$;


-- The columns that are the same in all rows of a month or quarter; no sync has written them.
create or replace function rollup_constants(p_type rollup_type, p_first date) returns text
language sql
stable
set search_path from current
as $$
    select format(
        '%L::date as period_end, %s as year, %s as %I,
        null::varchar as bigquery_sync_id, null::bigint as sync_log_id, null::timestamptz as last_synced_at',
        (p_first + p_type.step)::date - 1,
        extract(year from p_first),
        date_part(p_type.unit, p_first),
        p_type.unit
    )
$$;


-- The figures of every touched key in one month or quarter, as the text of a query. A key that no week holds any
-- more comes with active_weeks 0. A market total or volume that one of the weeks does not know is unknown.
--   p_touched: a query for query, asin; null for all keys of the sources    p_sources: the tables that hold weeks
create or replace function rollup_figures(p_type rollup_type, p_first date, p_touched text, p_sources regclass[])
returns text
language sql
stable
set search_path from current
as $$
    select format(
        $figures$
        select sums.*, %1$s, %2$s
        from (
            select %3$I.query, %3$I.asin, count(week.asin)::integer as active_weeks, %4$s
            from %5$s (%6$s) as week %7$s
            group by %3$I.query, %3$I.asin
        ) as sums
        $figures$,
        rollup_constants(p_type, p_first),
        (
            select string_agg(format('rate(%I, %I) as %I', numerator, denominator, name), ', ')
            from summary_figures()
            where rule = 'rate'
        ),
        case when p_touched is null then 'week' else 'touched' end,
        (
            select string_agg(
                case rule
                    when 'sum' then format('coalesce(sum(week.%1$I), 0)::bigint as %1$I', name)
                    when 'known_sum' then format(
                        'case when count(week.%1$I) = count(*) then sum(week.%1$I) end::bigint as %1$I', name
                    )
                    else format('%s(week.%I) as %I', rule, name, name)
                end,
                ', '
            )
            from summary_figures()
            where rule <> 'rate'
        ),
        case when p_touched is not null then format('(%s) as touched left join', p_touched) end,
        (
            -- Constant bounds, so that only the partitions of the period are opened.
            select string_agg(
                format(
                    'select query, asin, %s from %s where period_start between %L and %L',
                    summed.names, source, p_first, (p_first + p_type.step)::date - 1
                ),
                ' union all '
            )
            from unnest(p_sources) as source,
                (
                    select string_agg(quote_ident(name), ', ') as names
                    from summary_figures()
                    where rule <> 'rate'
                ) as summed
        ),
        case when p_touched is not null then 'on week.query = touched.query and week.asin = touched.asin' end
    )
$$;


-- The figures of a month or quarter that holds one week only: there is nothing to sum, and the rates, which validate has
-- compared with the source, are those of the same counts.
create or replace function rollup_figures_of_one_week(p_type rollup_type, p_first date, p_week regclass) returns text
language sql
stable
set search_path from current
as $$
    select format(
        'select query, asin, 1 as active_weeks, %s, %s from %s',
        string_agg(quote_ident(name), ', '), rollup_constants(p_type, p_first), p_week
    )
    from summary_figures()
$$;


-- Makes the month or quarter rows of the touched keys equal to their figures, as the text of one statement.
-- A row that is right already is not written.
create or replace function rollup_merge(p_type rollup_type, p_first date, p_touched text, p_sources regclass[])
returns text
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
        p_type.target_table,
        rollup_figures(p_type, p_first, p_touched, p_sources),
        p_first,
        string_agg(format('rollup.%I', name), ', '),
        string_agg(format('figures.%I', name), ', '),
        string_agg(quote_ident(name), ', ')
    )
    from unnest(rollup_columns(p_type)) as name
$$;


-- The statements that build a month or quarter as a table of its own, with the key and the index of its partition.
create or replace function rollup_build(p_type rollup_type, p_first date, p_figures text) returns setof text
language plpgsql
stable
set search_path from current
as $$
declare
    v_partition text := partition_name(p_type.target_table, p_first);
    v_columns text := array_to_string(rollup_columns(p_type), ', ');
begin
    return next format(
        'select create_partition_to_be(%L, %L, %L, %L, %s)',
        v_partition, p_type.target_table, p_first, (p_first + p_type.step)::date - 1, rollup_fillfactor()
    );
    return next format(
        'insert into %I (period_start, query, asin, %s) select %L, query, asin, %s from (%s) as figures',
        v_partition, v_columns, p_first, v_columns, p_figures
    );
    return next format('alter table %I add primary key (period_start, query, asin)', v_partition);
    return next format('create index on %I (sync_log_id) where sync_log_id is not null', v_partition);
    return next format('analyze %I (period_start, query, asin)', v_partition);
end
$$;


-- Only an adopted plain table can hold a key twice: keeps one row of each touched key, for the merge to put right.
create or replace function rollup_deduplication(p_table text, p_first date, p_touched text) returns text
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
        p_table, p_first, p_touched
    )
$$;


-- Notes in the ledger that the month or quarter is derived from weeks, or no longer there.
create or replace function record_derived(p_sync_type text, p_first date) returns void
language plpgsql
set search_path from current
as $$
declare
    v_type rollup_type := (select t from rollup_type as t where t.sync_type = p_sync_type);
    v_has_rows boolean;
begin
    execute format('select exists (select from %I where period_start = %L)', v_type.target_table, p_first)
    into v_has_rows;
    if v_has_rows then
        insert into synced_period as ledger (sync_type, period_start, period_end, state)
        values (p_sync_type, p_first, (p_first + v_type.step)::date - 1, 'derived')
        on conflict (sync_type, period_start) do update
        set period_end = excluded.period_end, state = excluded.state, published_at = excluded.published_at;
    else
        delete from synced_period where sync_type = p_sync_type and period_start = p_first;
    end if;
end
$$;


-- The statements that bring the months and quarters of the given weeks up to date, ready to be executed in order.
-- Locks them all first, months before quarters and older before newer, so that two publishes cannot deadlock;
-- leaves out those that their own sync has published and those that were deleted on purpose. The caller executes them, because only a trigger function
-- itself sees its transition tables; it needs read committed, so that what it waited for is seen.
--   p_weeks: the first days of the weeks touched    p_touched: a query for period_start, query, asin
--   p_sources: the tables that hold weeks
--   p_staged_week: one of the sources, a week that is about to be attached. A new month or quarter is then built first
--   and attached last. A trigger must not ask for that: its transaction may stay open for long.
create or replace function rollup_statements(
    p_weeks date[], p_touched text, p_sources regclass[], p_staged_week regclass default null
) returns setof text
language plpgsql
set search_path from current
as $$
declare
    v_type rollup_type;
    v_sync_type text;
    v_first date;
    v_last date;
    v_touched text;
    v_figures text;
    v_attach text[] := '{}';
begin
    for v_sync_type, v_first in
        select t.sync_type, first_day_of(t.unit, week) as first
        from rollup_type as t, unnest(p_weeks) as week
        group by t.sync_type, t.step, first
        order by t.step, first
    loop
        v_type := (select t from rollup_type as t where t.sync_type = v_sync_type);
        perform lock_period(v_type.sync_type, v_first);
        continue when exists (
            select from synced_period as ledger
            where ledger.sync_type = v_type.sync_type and period_start = v_first and state <> 'derived'
        );
        v_last := (v_first + v_type.step)::date - 1;
        v_touched := format(
            'select %s query, asin from (%s) as touched where period_start between %L and %L',
            case when p_staged_week is null then 'distinct' end, p_touched, v_first, v_last
        );
        if p_staged_week is not null and can_be_attached(v_type.target_table, v_first, v_last) then
            v_figures := case
                when has_rows_between(array['weekly_summary'::regclass], v_first, v_last)
                    then rollup_figures(v_type, v_first, v_touched, p_sources)
                else rollup_figures_of_one_week(v_type, v_first, p_staged_week)
            end;
            return query select rollup_build(v_type, v_first, v_figures);
            v_attach := v_attach || format('select attach_partition(%L, %L, %L)', v_type.target_table, v_first, v_last);
            v_attach := v_attach || format('select record_derived(%L, %L)', v_type.sync_type, v_first);
            continue;
        end if;
        if (select relkind from pg_class where oid = v_type.target_table::regclass) = 'r' then
            return next rollup_deduplication(v_type.target_table, v_first, v_touched);
        end if;
        return next rollup_merge(v_type, v_first, v_touched, p_sources);
        return next format('select record_derived(%L, %L)', v_type.sync_type, v_first);
    end loop;
    return query select unnest(v_attach);
end
$$;


-- Recomputes the months and quarters of every key in a staged week that is not attached yet: what weekly_summary
-- holds plus the staged rows. A million keys are sorted and joined, so it gets the memory for that, and no hashed
-- grouping: the planner cannot know how many keys two tables have together, and hashes into files. A staged week holds
-- each key once and one period_start, which its key finds at either end.
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
    execute format('select array_remove(array[min(period_start)], null) from %s', p_pending) into v_weeks;
    for v_statement in
        select rollup_statements(
            v_weeks, v_touched, array['weekly_summary'::regclass, p_pending], p_staged_week => p_pending
        )
    loop
        execute v_statement;
    end loop;
end
$$;
