-- Periods: their first day, the lock that each has, and the partition that each gets.


-- The first day of the week (from Sunday), month or quarter of a day.
create or replace function first_day_of(p_unit text, p_day date) returns date
language sql
immutable
return case p_unit
    when 'week' then p_day - extract(dow from p_day)::integer
    else date_trunc(p_unit, p_day::timestamp)::date
end;


-- Waits until this transaction is the only one that may write the period. The one place that computes the key;
-- days since 1970 stand for the date because its text depends on the session.
create or replace function lock_period(p_sync_type text, p_period_start date) returns void
language sql
set search_path from current
as $$
    select pg_advisory_xact_lock(
        hashtextextended(format('%s %s %s', current_schema(), p_sync_type, p_period_start - date '1970-01-01'), 0)
    )
$$;


-- What the partition of a period is called: monthly_summary_20261101.
create or replace function partition_name(p_table text, p_first date) returns text
language sql
immutable
return p_table || '_' || (
    extract(year from p_first) * 10000 + extract(month from p_first) * 100 + extract(day from p_first)
)::integer;


-- Whether a partition other than the default one takes the rows of this day.
create or replace function day_has_partition(p_table regclass, p_day date) returns boolean
language sql
stable
set search_path from current
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


-- Whether any of the tables has a row between two days.
create or replace function has_rows_between(p_tables regclass[], p_first date, p_last date) returns boolean
language plpgsql
stable
set search_path from current
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


-- Whether a partition that is built elsewhere can become the period's: nothing of it is there, and the name is free.
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


-- How full the pages of a month or quarter are filled: most rows of a week have been there before, and are updated.
create or replace function rollup_fillfactor() returns integer
language sql
immutable
return 60;


-- Gives the period an empty partition of its own, e.g. monthly_summary_20261101. True if one was created; false if the
-- table is plain, has a partition for it, or holds rows of it in the default partition.
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
