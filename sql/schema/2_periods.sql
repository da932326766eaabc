-- Periods: their first day, the lock that each has, and the partition that each gets.


-- The first day of the week (from Sunday), month or quarter of a day.
create or replace function first_day_of(p_unit text, p_day date) returns date
language sql
immutable
return case p_unit
    when 'week' then p_day - extract(dow from p_day)::integer
    else date_trunc(p_unit, p_day::timestamp)::date
end;


-- The advisory lock of a period. Days since 1970 stand for the date because its text depends on the session.
create or replace function period_lock(p_sync_type text, p_period_start date) returns bigint
language sql
stable
set search_path from current
as $$
    select hashtextextended(format('%s %s %s', current_schema(), p_sync_type, p_period_start - date '1970-01-01'), 0)
$$;


-- Waits until this transaction is the only one that may write the period.
create or replace function lock_period(p_sync_type text, p_period_start date) returns void
language sql
set search_path from current
as $$
    select pg_advisory_xact_lock(period_lock(p_sync_type, p_period_start))
$$;


-- The same for a week with its quarter and month, or for a month or quarter alone. Everybody locks in this order, so that
-- no two wait for each other.
create or replace function lock_periods(p_sync_type text, p_period_start date) returns void
language plpgsql
set search_path from current
as $$
declare
    v_type text;
    v_first date;
begin
    for v_type, v_first in
        select sync_type, first_day_of(unit, p_period_start)
        from period_type
        where sync_type = p_sync_type or (p_sync_type = 'weekly' and unit <> 'week')
        order by step desc
    loop
        perform lock_period(v_type, v_first);
    end loop;
end
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


-- Whether a trigger of others fires when rows of the table change.
--   p_events: 4 insert, 8 delete, 16 update, and their sums, as in pg_trigger
create or replace function has_trigger_of_others(p_table regclass, p_events integer) returns boolean
language sql
stable
set search_path from current
as $$
    select exists (
        select from pg_trigger as t
        join pg_proc as p on p.oid = t.tgfoid
        where
            t.tgrelid = p_table
            and t.tgtype & p_events > 0
            and t.tgenabled <> 'D'
            and not t.tgisinternal
            and not (
                p.pronamespace = current_schema()::regnamespace
                and p.proname in ('update_aggregate_summaries', 'forget_fingerprint', 'forget_period')
            )
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
        or has_trigger_of_others(p_table, 4 + 8)
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


-- Whether anything of others would be lost with a partition that is replaced, or would keep it from being dropped: a
-- view or function over it, a key that refers to it, a trigger, a rule, a policy, a publication, a grant, an index, check
-- or statistics of its own, a setting, a comment, another owner.
create or replace function is_used_by_others(p_partition regclass) returns boolean
language sql
stable
set search_path from current
as $$
    select
        is_followed(p_partition)
        or has_trigger_of_others(p_partition, 16 + 32)
        or exists (select from pg_trigger where tgrelid = p_partition and tgenabled = 'D' and not tgisinternal)
        or exists (select from pg_policy where polrelid = p_partition)
        or exists (select from pg_statistic_ext where stxrelid = p_partition)
        or exists (select from pg_description where classoid = 'pg_class'::regclass and objoid = p_partition)
        or exists (
            select from pg_depend as d
            join pg_class as c on c.oid = p_partition
            where
                d.deptype = 'n'
                and (
                    (d.refclassid = 'pg_class'::regclass and d.refobjid = p_partition)
                    or (d.refclassid = 'pg_type'::regclass and d.refobjid = c.reltype)
                )
                and not exists (  -- its own checks
                    select from pg_constraint
                    where d.classid = 'pg_constraint'::regclass and oid = d.objid and conrelid = p_partition
                )
        )
        or exists (select from pg_attribute where attrelid = p_partition and attacl is not null)
        or exists (
            select from pg_class as c, aclexplode(c.relacl) as held
            where c.oid = p_partition and held.grantee <> c.relowner
        )
        or exists (
            select from pg_index as i
            join pg_class as c on c.oid = i.indexrelid
            where i.indrelid = p_partition and not c.relispartition
        )
        or exists (
            select from pg_constraint as k
            join pg_class as c on c.oid = k.conrelid
            where k.conrelid = p_partition and k.contype = 'c' and k.coninhcount = 0
                and k.conname <> left(c.relname || '_period_check', 63)
        )
        or exists (
            select from pg_class as c
            where
                c.oid = p_partition
                and (c.relreplident in ('f', 'i') or c.reloptions is not null or not pg_has_role(c.relowner, 'usage'))
        )
$$;


-- How a partition that is built elsewhere can become the period's: attach where nothing is there, swap where a partition
-- of ours is. Null where that cannot be, or where others would lose something or follow the rows one by one: then the
-- period is written row by row.
create or replace function way_as_a_whole(p_table text, p_first date, p_last date) returns text
language sql
stable
set search_path from current
as $$
    select case
        when is_followed(p_table::regclass) then null
        when can_have_partition(p_table, p_first, p_last) then
            case when not has_rows_between(array[p_table::regclass], p_first, p_last) then 'attach' end
        when exists (
            select from partitions_of(p_table::regclass)
            where
                partition = to_regclass(partition_name(p_table, p_first))
                and first_day = p_first
                and next_first_day = p_last + 1
                and not is_used_by_others(partition)
        )
        and not has_trigger_of_others(p_table::regclass, 16)
        -- a key of others that refers to the table refers to its rows
        and not exists (select from pg_constraint where confrelid = p_table::regclass and contype = 'f')
        and not exists (select from pg_attribute where attrelid = p_table::regclass and attgenerated <> '')
        then 'swap'
    end
$$;


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
-- yet. The trigger notices whoever names the partition itself: triggers of the table fire only where the table is named.
--   p_name: quoted, with the schema if it is another one
create or replace function create_partition_to_be(p_name text, p_table text, p_first date, p_last date) returns void
language plpgsql
set search_path from current
as $$
begin
    execute format(
        'create table %s (like %I including defaults including generated including constraints, constraint %I check (%s))',
        p_name,
        p_table,
        partition_name(p_table, p_first) || '_period_check',
        period_condition(p_table, p_first, p_last)
    );
    execute format(
        'create trigger forget_period after insert or update or delete or truncate on %s
        for each statement execute function forget_period(%L, %L)',
        p_name,
        (select sync_type from period_type where target_table = p_table),
        to_char(p_first, 'YYYY-MM-DD')
    );
end
$$;


-- Gives a table that becomes a partition the indexes and the key to sync_log that the summary table has, so that attaching
-- it builds and validates nothing.
create or replace function add_partition_indexes(p_name text, p_table text) returns void
language plpgsql
set search_path from current
as $$
begin
    execute format('create index on %s (sync_log_id) where sync_log_id is not null', p_name);
    if p_table = 'weekly_summary' then
        execute format('create index on %s (last_synced_at, bigquery_sync_id)', p_name);
    end if;
end
$$;


-- Makes a table that has the name and the rows of a period its partition. Unlike "create table … partition of", this
-- does not lock out readers of the parent.
create or replace function attach_partition(p_table text, p_first date, p_last date) returns void
language plpgsql
set search_path from current
as $$
begin
    execute format(
        'alter table %I attach partition %I for values from (%L) to (%L)',
        p_table, partition_name(p_table, p_first), p_first, p_last + 1
    );
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


-- Whether somebody else has a transaction open in this database. If it repeats its reads, it would find rows that were moved
-- from one partition into another twice or not at all: the old ones stay visible to it, the new ones never are.
create or replace function may_be_read_again() returns boolean
language sql
volatile
set search_path from current
as $$
    select exists (
        select from pg_locks as held
        join pg_stat_activity as session on session.pid = held.pid
        join pg_database as here on here.oid = session.datid
        where
            held.locktype = 'virtualxid' and held.mode = 'ExclusiveLock'
            and here.datname = current_database()
            and session.pid <> pg_backend_pid()
            and session.usesysid is not null  -- vacuum has none
    )
$$;


-- Moves the rows of a period from the default partition into its partition to be, which gets its indexes before it is
-- attached. Both partitions are named, so no trigger of the table sees it: nothing changes for those who read afterwards.
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
    perform add_partition_indexes(quote_ident(v_partition), p_table);
end
$$;


-- Gives the period a partition of its own, e.g. monthly_summary_20261101, and moves into it the rows of the period that
-- the default partition has. True if it was made; false if the table is plain or has a partition for it, if a row cannot
-- be moved, or while somebody may be reading who would not see the rows move.
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
    -- Postgres refuses the row of a writer who has chosen the default partition before, and waits for it.
    execute format('lock table only %I in share row exclusive mode', p_table);
    v_has_rows := has_rows_between(array[p_table::regclass], p_first, p_last);
    if v_has_rows and (not can_be_moved(p_table) or may_be_read_again()) then
        return false;
    end if;
    perform create_partition_to_be(v_partition, p_table, p_first, p_last);
    if v_has_rows then
        perform move_from_default(p_table, p_first, p_last);
    end if;
    execute format('alter table %s add primary key (period_start, query, asin), enable row level security', v_partition);
    perform attach_partition(p_table, p_first, p_last);  -- makes the indexes that are missing
    if v_has_rows and may_be_read_again() then
        raise object_in_use;
    end if;
    return true;
exception
    -- Somebody else was faster or has begun to read, or a row in the default partition contradicts its period.
    when duplicate_table or invalid_object_definition or check_violation or object_in_use then
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
