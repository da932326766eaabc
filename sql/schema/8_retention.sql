-- What is deleted so that log and summaries stay as small as the settings say. The Dag sqp_freshness does it every day.


-- Deletes runs that started longer ago than p_keep, with their checks and rejects, and returns how many. A run stays
-- while it works, and while a summary row, the ledger or a table of yours refers to it: the foreign keys decide.
-- sync_log is not partitioned: a partitioned table's key must contain started_at, and then nothing could refer
-- to id alone. At one row a run it does not need to be.
create or replace function delete_old_sync_log(p_keep interval) returns integer
language plpgsql
set search_path from current
as $$
declare
    v_id bigint;
    v_deleted integer := 0;
begin
    set constraints all immediate;  -- a deferred foreign key of yours would fail at COMMIT, and keep all runs
    for v_id in
        select id from sync_log
        where
            started_at < current_timestamp - p_keep
            and sync_status <> 'started'
            and not exists (select from synced_period as ledger where ledger.sync_log_id = sync_log.id)
        order by id
    loop
        begin
            delete from data_quality_checks where sync_log_id = v_id;
            delete from sync_log where id = v_id;
            v_deleted := v_deleted + 1;
        exception
            when foreign_key_violation or restrict_violation then  -- Postgres 18 has a code of its own for "restrict"
                continue;
        end;
    end loop;
    return v_deleted;
end
$$;


-- The periods that lie further back than p_keep, quarters before months before weeks. A quarter goes as a whole with its
-- months and weeks, so that no sum ever lacks a part of what it was summed from. Rows that were there before the first
-- sync count too, on whatever day they begin.
create or replace function old_periods(p_keep interval) returns table (sync_type text, period_start date)
language plpgsql
stable
set search_path from current
as $$
declare
    v_before date := first_day_of('quarter', (current_date - p_keep)::date);
    v_type period_type;
begin
    for v_type in select * from period_type order by step desc loop
        -- From index entry to index entry: the rows of a period are not read.
        return query execute format(
            $query$
            with recursive old (period_start) as (
                select min(period_start) from %1$I where period_start > '-infinity' and period_start < $1
                union all
                select (select min(s.period_start) from %1$I as s where s.period_start > old.period_start and s.period_start < $1)
                from old
                where old.period_start is not null
            )
            select %2$L::text, period_start from old where period_start is not null
            $query$,
            v_type.target_table, v_type.sync_type
        )
        using v_before;
    end loop;
end
$$;


-- Deletes a period on purpose and returns how many rows it had. The ledger remembers that, so that the period is neither
-- missing nor synced again by itself. Months and quarters that are derived lose what the week gave them. Adopted rows
-- may begin on a day that starts no period, such as a Monday: they go too, but no sync ever writes them again, so the
-- ledger has nothing to remember.
create or replace function delete_period(p_sync_type text, p_period_start date) returns bigint
language plpgsql
set search_path from current
as $$
declare
    v_type period_type := (select t from period_type as t where t.sync_type = p_sync_type);
    v_is_period boolean := first_day_of(v_type.unit, p_period_start) = p_period_start;
    v_rows bigint;
    v_version bigint;
begin
    if v_type is null or not (v_is_period or has_rows_between(array[v_type.target_table], p_period_start, p_period_start))
    then
        raise exception 'no % period starts on %', p_sync_type, p_period_start
            using hint = 'Name weekly, monthly or quarterly, and the first day of a period: a Sunday for a week.';
    end if;
    perform lock_periods(p_sync_type, p_period_start);
    if v_is_period then
        perform from synced_period where sync_type = p_sync_type and period_start = p_period_start for update;
        v_version := begin_version();
        -- The ledger says it first, so that none of the rows is kept as a change.
        insert into synced_period as ledger (sync_type, period_start, period_end, state)
        values (p_sync_type, p_period_start, (p_period_start + v_type.step)::date - 1, 'deleted')
        on conflict (sync_type, period_start) do update set
            state = excluded.state,
            fingerprint = null,
            snapshot_at = null,
            row_count = null,
            row_hash = null,
            sync_log_id = null,
            attempt = null,
            week_changed_at = null,
            asins = null,
            asins_expected = null,
            asins_found = null,
            expected_by = null,
            published_at = clock_timestamp();
    end if;
    execute format('delete from %I where period_start = $1', v_type.target_table) using p_period_start;
    get diagnostics v_rows = row_count;
    if v_is_period then
        insert into period_version (
            sync_type, period_start, version, how, inserted, updated, deleted, is_kept, is_healing
        )
        values (p_sync_type, p_period_start, v_version, 'deleted', 0, 0, v_rows, false, false)
        on conflict (sync_type, period_start, version) do update set how = 'deleted', is_kept = false;
        perform end_version(v_version);
    end if;
    return v_rows;
end
$$;


-- Deletes what is not needed to have each period as it was published at any time within p_keep, and returns how many
-- changes. What had replaced the oldest version that stays is gone: before it, nothing can be had any more. When a period was
-- first published is remembered, and when it first had enough ASINs, because both tell how long such periods take to arrive
-- (usual_days).
create or replace function delete_old_changes(p_keep interval) returns bigint
language plpgsql
set search_path from current
as $$
declare
    v_oldest record;
    v_rows bigint;
    v_deleted bigint := 0;
begin
    for v_oldest in
        select
            version.sync_type,
            version.period_start,
            max(version.version) as version,
            array[
                min(version.version),
                min(version.version) filter (
                    where
                        version.snapshot_at is not null
                        and (version.totals ->> 'asins')::integer >= type.complete_above * cardinality(ledger.asins)
                )
            ] as remembered
        from period_version as version
        join period_type as type on type.sync_type = version.sync_type
        left join synced_period as ledger
            on ledger.sync_type = version.sync_type and ledger.period_start = version.period_start
        where version.published_at < current_timestamp - p_keep
        group by version.sync_type, version.period_start
    loop
        delete from period_change
        where
            sync_type = v_oldest.sync_type and period_start = v_oldest.period_start
            and coalesce(version, id) <= v_oldest.version;
        get diagnostics v_rows = row_count;
        v_deleted := v_deleted + v_rows;
        update period_version set is_kept = false
        where
            sync_type = v_oldest.sync_type and period_start = v_oldest.period_start and version = v_oldest.version
            and is_kept
            and (
                v_rows > 0
                or exists (
                    select from period_version as gone
                    where
                        gone.sync_type = v_oldest.sync_type and gone.period_start = v_oldest.period_start
                        and gone.version > v_oldest.remembered[1] and gone.version < v_oldest.version
                        and (not gone.is_kept or gone.has_lost)
                )
            );
        delete from period_version
        where
            sync_type = v_oldest.sync_type and period_start = v_oldest.period_start
            and version < v_oldest.version
            and version <> all (array_remove(v_oldest.remembered, null));
    end loop;
    return v_deleted;
end
$$;


-- The partitions that deleted periods have left behind, unless somebody has written to one since.
create or replace function deleted_partitions() returns table (target_table text, partition_name text)
language sql
stable
set search_path from current
as $$
    select t.target_table, partition.relname::text
    from synced_period as ledger
    join period_type as t on t.sync_type = ledger.sync_type
    join pg_class as partition
        on partition.relname = partition_name(t.target_table, ledger.period_start)
        and partition.relnamespace = current_schema()::regnamespace
        and partition.relispartition
    where
        ledger.state = 'deleted'
        and not has_rows_between(array[partition.oid::regclass], ledger.period_start, ledger.period_end)
$$;


-- Drops one of deleted_partitions(), and returns whether it still was one: while this waited for its locks, the period may
-- have been synced again. It locks as a publish does, the period first; then as a reader does, the partition last.
create or replace function drop_deleted_partition(p_partition text) returns boolean
language plpgsql
set search_path from current
as $$
declare
    v_type text;
    v_table text;
    v_first date;
begin
    select ledger.sync_type, t.target_table, ledger.period_start into v_type, v_table, v_first
    from synced_period as ledger
    join period_type as t on t.sync_type = ledger.sync_type
    where partition_name(t.target_table, ledger.period_start) = p_partition;
    if v_table is null then
        return false;
    end if;
    perform lock_periods(v_type, v_first);
    execute format('lock table only %I, only %I in access exclusive mode', v_table, p_partition);
    if not exists (select from deleted_partitions() as d where d.partition_name = p_partition) then
        return false;
    end if;
    execute format('drop table %I', p_partition);
    return true;
end
$$;
