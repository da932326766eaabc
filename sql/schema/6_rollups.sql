-- Months and quarters that are summed from weeks. They are recomputed, never added to. A week belongs to the month and
-- the quarter of its first day.


-- The period types that are summed from weeks.
create or replace view rollup_type with (security_invoker = true) as
select * from period_type
where unit <> 'week';

comment on view rollup_type is 'The period types whose rows are summed from weeks until a sync of their own publishes them.';


-- The columns of a month or quarter that its weeks decide, besides its key. What an adopted table generates itself cannot
-- be written.
create or replace function rollup_columns(p_type rollup_type) returns text[]
language sql
stable
set search_path from current
as $$
    select array_agg(name order by position)
    from unnest(
        array['period_end', 'year', p_type.unit, 'active_weeks']
        || (select array_agg(name) from summary_figures())
        || array['bigquery_sync_id', 'sync_log_id', 'last_synced_at']
    ) with ordinality as wanted (name, position)
    where not exists (
        select from pg_attribute
        where attrelid = p_type.target_table::regclass and attname = name and attgenerated <> ''
    )
$$;


-- A text of one table, to be compared with the column of another by that one's index: adopted tables may differ in type
-- and collation. Without a length, because a cast to varchar(500) would cut longer texts.
--   p_value: the column of p_from, such as figures.query
create or replace function as_in(p_table regclass, p_column text, p_value text, p_from regclass) returns text
language sql
stable
set search_path from current
as $$
    select case
        when (here.atttypid, here.attcollation) = (there.atttypid, there.attcollation) then p_value
        else format(
            '%s::%s collate %I.%I',
            p_value,
            case here.atttypid when 'bpchar'::regtype then 'bpchar' else 'text' end,
            l.collnamespace::regnamespace,
            l.collname
        )
    end
    from pg_attribute as here
    join pg_attribute as there on there.attrelid = p_from and there.attname = p_column
    join pg_collation as l on l.oid = here.attcollation
    where here.attrelid = p_table and here.attname = p_column
$$;


-- A figure as the type of its column: an adopted table may have integers, and rates of one digit and four decimal places.
-- A rate that has more digits is left out; a count that does not fit is an error. A numeric's typmod holds its precision
-- in the upper 16 bits and its scale in the lower 11, plus 4.
create or replace function as_stored(p_table regclass, p_column text) returns text
language sql
stable
set search_path from current
as $$
    select case
        when atttypid = 'numeric'::regtype and atttypmod <> -1
            then format(
                'case when abs(round(figures.%1$I, %3$s)) < 1e%4$s then figures.%1$I::%2$s end',
                attname,
                format_type(atttypid, atttypmod),
                (atttypmod - 4) & 2047,
                ((atttypmod - 4) >> 16) - ((atttypmod - 4) & 2047)
            )
        else format('figures.%I::%s', attname, format_type(atttypid, atttypmod))
    end
    from pg_attribute
    where attrelid = p_table and attname = p_column
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
                    select string_agg(format('%1$I::%2$s as %1$I', name, split_part(type, ' ', 1)), ', ') as names
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
        on rollup.period_start = %3$L and rollup.query = %7$s and rollup.asin = %8$s
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
        string_agg(as_stored(p_type.target_table, name), ', '),
        string_agg(quote_ident(name), ', '),
        as_in(p_type.target_table, 'query', 'figures.query', 'weekly_summary'),
        as_in(p_type.target_table, 'asin', 'figures.asin', 'weekly_summary')
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
    return next format(
        'alter table %I add primary key (period_start, query, asin), enable row level security', v_partition
    );
    return next format('create index on %I (sync_log_id) where sync_log_id is not null', v_partition);
    return next format('analyze %I (period_start, query, asin)', v_partition);
end
$$;


-- Only an adopted plain table can hold a key twice: keeps one row of each touched key, for the merge to put right.
create or replace function rollup_deduplication(p_table text, p_first date, p_touched text) returns text
language sql
stable
set search_path from current
as $$
    select format(
        $delete$
        delete from %1$I as rollup
        using (
            select copy.ctid, row_number() over (partition by copy.query, copy.asin order by copy.ctid) as number
            from %1$I as copy
            join (%3$s) as touched on copy.query = %4$s and copy.asin = %5$s
            where copy.period_start = %2$L
        ) as copies
        where rollup.ctid = copies.ctid and copies.number > 1
        $delete$,
        p_table, p_first, p_touched,
        as_in(p_table, 'query', 'touched.query', 'weekly_summary'),
        as_in(p_table, 'asin', 'touched.asin', 'weekly_summary')
    )
$$;


-- All keys that a month or quarter has, or will have, as the text of a query.
create or replace function rollup_keys(p_type rollup_type, p_first date, p_sources regclass[]) returns text
language sql
stable
set search_path from current
as $$
    select string_agg(
        format(
            'select %s as query, %s as asin from %s as source where period_start between %L and %L',
            as_in('weekly_summary', 'query', 'source.query', source),
            as_in('weekly_summary', 'asin', 'source.asin', source),
            source,
            p_first,
            (p_first + p_type.step)::date - 1
        ),
        ' union '
    )
    from unnest(p_sources || p_type.target_table::regclass) as source
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
        insert into synced_period as ledger (sync_type, period_start, period_end, state, fingerprint)
        values (p_sync_type, p_first, (p_first + v_type.step)::date - 1, 'derived', 'the sum of its weeks')
        on conflict (sync_type, period_start) do update set
            period_end = excluded.period_end,
            state = excluded.state,
            fingerprint = excluded.fingerprint,
            row_count = null,
            sync_log_id = null,
            published_at = excluded.published_at;
    else
        delete from synced_period where sync_type = p_sync_type and period_start = p_first;
    end if;
end
$$;


-- The statements that make rows of a month or quarter equal to its weeks.
--   p_touched: a query for query, asin; null for all keys
create or replace function rollup_update(p_type rollup_type, p_first date, p_touched text, p_sources regclass[])
returns setof text
language plpgsql
stable
set search_path from current
as $$
declare
    v_touched text := coalesce(p_touched, rollup_keys(p_type, p_first, p_sources));
begin
    if (select relkind from pg_class where oid = p_type.target_table::regclass) = 'r' then
        return next rollup_deduplication(p_type.target_table, p_first, v_touched);
    end if;
    return next rollup_merge(p_type, p_first, v_touched, p_sources);
    return next format('select record_derived(%L, %L)', p_type.sync_type, p_first);
end
$$;


-- The statements that bring the months and quarters of the given weeks up to date, ready to be executed in order.
-- Locks them all first, months before quarters and older before newer, so that two publishes cannot deadlock. Leaves
-- alone what its own sync has published, what was deleted on purpose, and rows that somebody else made. A month that has
-- no rows, or to which somebody else wrote, is summed anew from all its weeks. The caller executes the statements,
-- because only a trigger function itself sees its transition tables; it needs read committed, so that what it waited for
-- is seen.
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
    v_ledger synced_period;
    v_has_rows boolean;
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
        v_last := (v_first + v_type.step)::date - 1;
        perform lock_period(v_sync_type, v_first);
        v_ledger := (
            select ledger from synced_period as ledger
            where ledger.sync_type = v_sync_type and ledger.period_start = v_first
        );
        continue when v_ledger.state <> 'derived';
        v_has_rows := has_rows_between(array[v_type.target_table::regclass], v_first, v_first);
        if v_ledger.state is null and v_has_rows then
            return next format('select record_adopted(%L, %L)', v_sync_type, v_first);
            continue;
        end if;
        if p_staged_week is not null and can_be_attached(v_type.target_table, v_first, v_last) then
            v_figures := case
                when has_rows_between(array['weekly_summary'::regclass], v_first, v_last)
                    then rollup_figures(v_type, v_first, null, p_sources)
                else rollup_figures_of_one_week(v_type, v_first, p_staged_week)
            end;
            return query select rollup_build(v_type, v_first, v_figures);
            v_attach := v_attach || format('select attach_partition(%L, %L, %L)', v_type.target_table, v_first, v_last);
            v_attach := v_attach || format('select record_derived(%L, %L)', v_sync_type, v_first);
            continue;
        end if;
        return query select rollup_update(
            v_type,
            v_first,
            case when v_has_rows and v_ledger.fingerprint is not null then format(
                'select %s query, asin from (%s) as touched where period_start between %L and %L',
                case when p_staged_week is null then 'distinct' end, p_touched, v_first, v_last
            ) end,
            p_sources
        );
    end loop;
    return query select unnest(v_attach);
end
$$;


-- Notes in the ledger that a month or quarter has rows which no sync and no sum of ours has made.
create or replace function record_adopted(p_sync_type text, p_first date) returns void
language sql
set search_path from current
as $$
    insert into synced_period (sync_type, period_start, period_end, state)
    select sync_type, p_first, (p_first + step)::date - 1, 'adopted' from period_type
    where sync_type = p_sync_type
$$;


-- Whether every week of a month or quarter, up to the newest one, was published by a sync or deleted on purpose, and no
-- other row lies between them.
create or replace function all_weeks_are_synced(p_type rollup_type, p_first date) returns boolean
language plpgsql
stable
set search_path from current
as $$
declare
    v_last date := (p_first + p_type.step)::date - 1;
    v_newest date := (
        select max(period_start) from synced_period
        where sync_type = 'weekly' and period_start between p_first and v_last
    );
    v_week date;
begin
    if v_newest is null or has_rows_between(array['weekly_summary'::regclass], v_newest + 1, v_last) then
        return false;
    end if;
    for v_week in
        select first_day_of('week', p_first) + 7 * number
        from generate_series(0, (v_newest - first_day_of('week', p_first)) / 7) as number
    loop
        if v_week >= p_first and not exists (
            select from synced_period
            where sync_type = 'weekly' and period_start = v_week and state in ('synced', 'deleted')
        ) or has_rows_between(
            array['weekly_summary'::regclass], greatest(v_week + 1, p_first), least(v_week + 6, v_newest - 1)
        ) then
            return false;
        end if;
    end loop;
    return true;
end
$$;


-- Sums the adopted month and quarter of a week from their weeks, once all of these are synced; from then on they are
-- derived.
create or replace function derive_adopted(p_week date) returns void
language plpgsql
set search_path from current
as $$
declare
    v_type rollup_type;
    v_first date;
    v_statement text;
begin
    for v_type in select * from rollup_type order by step loop
        v_first := first_day_of(v_type.unit, p_week);
        perform lock_period(v_type.sync_type, v_first);
        if exists (
            select from synced_period
            where sync_type = v_type.sync_type and period_start = v_first and state = 'adopted'
        ) and all_weeks_are_synced(v_type, v_first) then
            for v_statement in
                select rollup_update(v_type, v_first, null, array['weekly_summary'::regclass])
            loop
                execute v_statement;
            end loop;
        end if;
    end loop;
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
