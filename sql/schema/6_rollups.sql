-- Months and quarters that are summed from weeks. They are recomputed, never added to. A week belongs to the month and
-- the quarter of its first day. A publish sums whole months (queries/sums.sql); this file sums the keys that others touch.


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


-- All keys that a month or quarter has, or will have, as the text of a query.
create or replace function rollup_keys(p_type rollup_type, p_first date) returns text
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
            last
        ),
        ' union '
    )
    from (
        values ('weekly_summary'::regclass, (p_first + p_type.step)::date - 1), (p_type.target_table::regclass, p_first)
    ) as sources (source, last)
$$;


-- Only an adopted plain table can hold a key twice: keeps one row of each touched key, for sum_touched() to put right.
--   p_touched: a query for query, asin
create or replace function delete_repeated(p_type rollup_type, p_first date, p_touched text) returns text
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
        p_type.target_table,
        p_first,
        p_touched,
        as_in(p_type.target_table, 'query', 'touched.query', 'weekly_summary'),
        as_in(p_type.target_table, 'asin', 'touched.asin', 'weekly_summary')
    )
$$;


-- Makes the touched rows of a month or quarter equal to the sums of their weeks, as the text of one statement: only a
-- trigger function itself sees its transition tables. A key that no week holds any more is deleted; a row that is right
-- already is not written; a market total or volume that one of the weeks does not know is unknown. This is no MERGE: where
-- one inserts before it updates, Postgres (15 to 18) shows the triggers of a partitioned table the inserted row as the
-- new state of the updated one.
--   p_touched: a query for query, asin
create or replace function sum_touched(p_type rollup_type, p_first date, p_touched text) returns text
language sql
stable
set search_path from current
as $$
    select format(
        $sum$
        with figures as materialized (
            select
                sums.*, %2$s,
                %3$L::date as period_end, %4$s as year, %5$s as %6$I,
                null::varchar as bigquery_sync_id, null::bigint as sync_log_id, null::timestamptz as last_synced_at
            from (
                select touched.query, touched.asin, count(week.asin)::integer as active_weeks, %7$s
                from (%8$s) as touched
                left join weekly_summary as week
                    on week.period_start between %9$L and %3$L
                    and week.query = touched.query
                    and week.asin = touched.asin
                group by touched.query, touched.asin
            ) as sums
        ), gone as (
            delete from %1$I as rollup
            using figures
            where
                rollup.period_start = %9$L and rollup.query = %10$s and rollup.asin = %11$s
                and figures.active_weeks = 0
        ), changed as (
            update %1$I as rollup set (%14$s, updated_at) = row (%13$s, current_timestamp)
            from figures
            where
                rollup.period_start = %9$L and rollup.query = %10$s and rollup.asin = %11$s
                and figures.active_weeks > 0
                and (%12$s) is distinct from (%13$s)
        )
        insert into %1$I (period_start, query, asin, %14$s)
        select %9$L, figures.query, figures.asin, %13$s
        from figures
        where
            figures.active_weeks > 0
            and not exists (
                select from %1$I as rollup
                where rollup.period_start = %9$L and rollup.query = %10$s and rollup.asin = %11$s
            )
        $sum$,
        p_type.target_table,
        (
            select string_agg(format('rate(%I, %I) as %I', numerator, denominator, name), ', ')
            from summary_figures()
            where rule = 'rate'
        ),
        (p_first + p_type.step)::date - 1,
        extract(year from p_first),
        date_part(p_type.unit, p_first),
        p_type.unit,
        (
            select string_agg(
                case rule
                    when 'sum' then format('coalesce(sum(week.%1$I), 0)::bigint as %1$I', name)
                    when 'known_sum' then format(
                        'case when count(week.%1$I) = count(*) then sum(week.%1$I) end::bigint as %1$I', name
                    )
                    when 'unknown' then format('null::%s as %I', type, name)
                    else format('%1$s(week.%2$I)::%3$s as %2$I', rule, name, split_part(type, ' ', 1))
                end,
                ', '
            )
            from summary_figures()
            where rule <> 'rate'
        ),
        p_touched,
        p_first,
        as_in(p_type.target_table, 'query', 'figures.query', 'weekly_summary'),
        as_in(p_type.target_table, 'asin', 'figures.asin', 'weekly_summary'),
        string_agg(format('rollup.%I', name), ', '),
        string_agg(as_stored(p_type.target_table, name), ', '),
        string_agg(quote_ident(name), ', ')
    )
    from unnest(rollup_columns(p_type)) as name
$$;


-- Notes in the ledger that the month or quarter is the sum of its weeks, or no longer there.
--   p_has_rows: true where its partition is about to be attached
create or replace function record_derived(p_sync_type text, p_first date, p_has_rows boolean default null) returns void
language plpgsql
set search_path from current
as $$
declare
    v_type rollup_type := (select t from rollup_type as t where t.sync_type = p_sync_type);
begin
    if coalesce(p_has_rows, has_rows_between(array[v_type.target_table::regclass], p_first, p_first)) then
        insert into synced_period as ledger (sync_type, period_start, period_end, state, fingerprint)
        values (p_sync_type, p_first, (p_first + v_type.step)::date - 1, 'derived', 'the sum of its weeks')
        on conflict (sync_type, period_start) do update set
            period_end = excluded.period_end,
            state = excluded.state,
            fingerprint = excluded.fingerprint,
            row_count = null,
            row_hash = null,
            sync_log_id = null,
            attempt = null,
            week_changed_at = null,
            published_at = clock_timestamp();
    else
        delete from synced_period where sync_type = p_sync_type and period_start = p_first;
    end if;
end
$$;


-- Whether a derived month or quarter has to be summed anew from all its weeks: one of them changed and the month did not
-- follow yet, or somebody else wrote to the month.
create or replace function must_be_summed(p_ledger synced_period) returns boolean
language sql
immutable
return p_ledger.state = 'derived' and (p_ledger.fingerprint is null or p_ledger.week_changed_at is not null);


-- Notes in the ledger that a month or quarter is to be summed anew, unless it is not summed at all.
create or replace function mark_derived(p_sync_type text, p_first date) returns void
language sql
set search_path from current
as $$
    insert into synced_period as ledger (sync_type, period_start, period_end, state, week_changed_at)
    select sync_type, p_first, (p_first + step)::date - 1, 'derived', clock_timestamp()
    from rollup_type
    where sync_type = p_sync_type
    on conflict (sync_type, period_start) do update set week_changed_at = excluded.week_changed_at
    where ledger.state = 'derived'
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
--   p_week: a week that is about to be published; null for none
create or replace function all_weeks_are_synced(p_type rollup_type, p_first date, p_week date) returns boolean
language plpgsql
stable
set search_path from current
as $$
declare
    v_last date := (p_first + p_type.step)::date - 1;
    v_newest date := greatest(p_week, (
        select max(period_start) from synced_period
        where sync_type = 'weekly' and period_start between p_first and v_last
    ));
    v_week date;
begin
    if v_newest is null or has_rows_between(array['weekly_summary'::regclass], v_newest + 1, v_last) then
        return false;
    end if;
    for v_week in
        select first_day_of('week', p_first) + 7 * number
        from generate_series(0, (v_newest - first_day_of('week', p_first)) / 7) as number
    loop
        if v_week >= p_first and v_week is distinct from p_week and not exists (
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
