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


-- The partitions of a table with the days that each takes; the default one takes none of its own.
create or replace function partitions_of(p_table regclass)
returns table (
    partition regclass,
    first_day date,
    next_first_day date                  -- the first day that it does not take
)
language sql
stable
set search_path from current
as $$
    select
        c.oid::regclass,
        case bound[1] when 'MINVALUE' then '-infinity' else trim(bound[1], '''') end::date,
        case bound[2] when 'MAXVALUE' then 'infinity' else trim(bound[2], '''') end::date
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    left join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$FROM \((.+)\) TO \((.+)\)$re$) as bound
        on true
    where i.inhparent = p_table
$$;


-- The publications that send the table's rows to another database. One that sends them under the names of partitions
-- loses what goes into a new partition: the subscriber does not know the name.
create or replace function publications_of(p_table regclass)
returns table (
    publication name,
    by_partition boolean
)
language sql
stable
set search_path from current
as $$
    select p.pubname, not p.pubviaroot
    from pg_publication as p
    where
        p.puballtables
        or exists (select from pg_publication_rel where prpubid = p.oid and prrelid = p_table)
        or exists (
            select from pg_publication_namespace as n
            join pg_class as c on c.relnamespace = n.pnnspid
            where n.pnpubid = p.oid and c.oid = p_table
        )
$$;


-- Whether somebody else follows each row that comes or goes: a publication, a trigger or a rule. What is attached as a
-- whole would pass them by, so such a table is written row by row.
create or replace function is_followed(p_table regclass) returns boolean
language sql
stable
set search_path from current
as $$
    select
        exists (select from publications_of(p_table))
        or exists (select from pg_rewrite where ev_class = p_table)
        or exists (
            select from pg_trigger as t
            join pg_proc as p on p.oid = t.tgfoid
            where
                t.tgrelid = p_table
                and t.tgtype & 12 > 0  -- insert, delete
                and t.tgenabled <> 'D'
                and not t.tgisinternal
                and not (
                    p.pronamespace = current_schema()::regnamespace
                    and p.proname in ('update_aggregate_summaries', 'forget_fingerprint')
                )
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


-- Whether the period can have a partition of its own: the name is free, no partition takes one of its days, and no
-- publication would lose its rows.
create or replace function can_have_partition(p_table text, p_first date, p_last date) returns boolean
language sql
stable
set search_path from current
as $$
    select
        exists (select from pg_partitioned_table where partrelid = p_table::regclass)
        and to_regclass(partition_name(p_table, p_first)) is null
        and not exists (
            select from partitions_of(p_table::regclass) where first_day <= p_last and next_first_day > p_first
        )
        and not exists (select from publications_of(p_table::regclass) where by_partition)
$$;


-- Whether a partition that is built elsewhere can become the period's: nothing of it is there, and nobody else follows
-- the rows one by one.
create or replace function can_be_attached(p_table text, p_first date, p_last date) returns boolean
language sql
stable
set search_path from current
as $$
    select
        can_have_partition(p_table, p_first, p_last)
        and not is_followed(p_table::regclass)
        and not has_rows_between(array[p_table::regclass], p_first, p_last)
$$;


-- How full the pages of a month or quarter are filled: most rows of a week have been there before, and are updated.
create or replace function rollup_fillfactor() returns integer
language sql
immutable
return 60;


-- What is true of every row of a period, as the text of a condition. Each partition has it as a check. Attaching the
-- partition then reads no row, and a filter on period_end, or on year and month, opens only the partitions it needs.
create or replace function period_condition(p_table text, p_first date, p_last date) returns text
language sql
stable
set search_path from current
as $$
    select format('period_start >= %L and period_start < %L and period_end = %L', p_first, p_last + 1, p_last)
        || case when unit <> 'week' then
            format(' and year = %s and %I = %s', extract(year from p_first), unit, date_part(unit, p_first))
        else '' end
    from period_type
    where target_table = p_table
$$;


-- Creates the table that becomes the partition of a period: the columns, defaults and checks of the table, and no index
-- yet.
--   p_name: quoted, with the schema if it is another one
create or replace function create_partition_to_be(
    p_name text, p_table text, p_first date, p_last date, p_fillfactor integer default 100
) returns void
language plpgsql
set search_path from current
as $$
begin
    execute format(
        'create table %s (like %I including defaults including generated including constraints, constraint %I check (%s))
        with (fillfactor = %s)',
        p_name,
        p_table,
        partition_name(p_table, p_first) || '_period_check',
        period_condition(p_table, p_first, p_last),
        p_fillfactor
    );
end
$$;


-- Makes a table that has the name and the rows of a period its partition. Unlike "create table … partition of", this
-- does not lock out readers of the parent. The trigger notices whoever names the partition itself: triggers of the table
-- fire only where the table is named.
create or replace function attach_partition(p_table text, p_first date, p_last date) returns void
language plpgsql
set search_path from current
as $$
begin
    execute format(
        'create trigger forget_period after insert or update or delete or truncate on %I
        for each statement execute function forget_period(%L, %L)',
        partition_name(p_table, p_first),
        (select sync_type from period_type where target_table = p_table),
        to_char(p_first, 'YYYY-MM-DD')
    );
    execute format(
        'alter table %I attach partition %I for values from (%L) to (%L)',
        p_table, partition_name(p_table, p_first), p_first, p_last + 1
    );
end
$$;


-- Keeps writers out of the default partition until the transaction ends; readers do not wait. Whoever writes there locks
-- it first and a period second, by the trigger that sums months. What attaches a partition has to lock in the same order,
-- or the two wait for each other.
create or replace function lock_default_partition(p_table text) returns void
language plpgsql
set search_path from current
as $$
declare
    v_default regclass := (select partition from partitions_of(p_table::regclass) where first_day is null);
begin
    if v_default is not null then
        execute format('lock table only %s in share row exclusive mode', v_default);
    end if;
end
$$;


-- Whether rows can leave the default partition for a partition that is attached afterwards: a key of another table that
-- refers to them would be broken, or would delete its own rows.
create or replace function can_be_moved(p_table text) returns boolean
language sql
stable
set search_path from current
as $$
    select
        not is_followed(p_table::regclass)
        and not exists (select from pg_constraint where confrelid = p_table::regclass and contype = 'f')
$$;


-- Moves the rows of a period from the default partition into its partition to be, which gets its indexes before it is
-- attached. Both partitions are named, so no trigger of the table sees it: nothing changes for those who read.
create or replace function move_from_default(p_table text, p_first date, p_last date) returns void
language plpgsql
set search_path from current
as $$
declare
    v_partition text := partition_name(p_table, p_first);
    v_columns text := (
        select string_agg(quote_ident(attname), ', ' order by attnum)
        from pg_attribute
        where attrelid = p_table::regclass and attnum > 0 and not attisdropped and attgenerated = ''
    );
begin
    execute format(
        'with moved as (delete from %s where period_start between %L and %L returning *)
        insert into %I (%s) overriding system value select %s from moved',
        (select partition from partitions_of(p_table::regclass) where first_day is null),
        p_first, p_last, v_partition, v_columns, v_columns
    );
    execute format('create index on %I (sync_log_id) where sync_log_id is not null', v_partition);
    if p_table = 'weekly_summary' then
        execute format('create index on %I (last_synced_at, bigquery_sync_id)', v_partition);
    end if;
end
$$;


-- Gives the period a partition of its own, e.g. monthly_summary_20261101, and moves into it the rows of the period that
-- the default partition has. True if it was made; false if the table is plain or has a partition for it, or if a row
-- cannot be moved.
create or replace function ensure_period_partition(p_table text, p_first date, p_last date) returns boolean
language plpgsql
set search_path from current
as $$
declare
    v_partition text := quote_ident(partition_name(p_table, p_first));
    v_has_rows boolean;
begin
    if not can_have_partition(p_table, p_first, p_last) then
        return false;
    end if;
    v_has_rows := has_rows_between(array[p_table::regclass], p_first, p_last);
    if v_has_rows and not can_be_moved(p_table) then
        return false;
    end if;
    perform create_partition_to_be(
        v_partition, p_table, p_first, p_last,
        case p_table when 'weekly_summary' then 100 else rollup_fillfactor() end
    );
    if v_has_rows then
        perform move_from_default(p_table, p_first, p_last);
    end if;
    execute format('alter table %s add primary key (period_start, query, asin), enable row level security', v_partition);
    perform attach_partition(p_table, p_first, p_last);  -- makes the indexes that are missing
    return true;
exception
    -- Somebody else was faster, or a row in the default partition contradicts its period.
    when duplicate_table or invalid_object_definition or check_violation then
        return false;
end
$$;


-- Says with each migration which publications keep new periods in the default partition.
do $$
declare
    v_table text;
    v_publication name;
begin
    for v_table, v_publication in
        select t.target_table, p.publication
        from period_type as t
        join pg_partitioned_table as parent on parent.partrelid = t.target_table::regclass
        cross join publications_of(parent.partrelid) as p
        where p.by_partition
        order by t.step, p.publication
    loop
        raise info 'Publication % sends % by partition: new periods stay in %_default, because a subscriber would miss '
            'new partitions. To give periods their own, run "alter publication % set (publish_via_partition_root = true)" '
            'and refresh its subscriptions.', v_publication, v_table, v_table, quote_ident(v_publication);
    end loop;
end
$$;
