-- Step 3 of the migration: functions. Each keeps the search_path it was created with, so it works from any session.

-- When was the last sync of a type, how did it end, when is the next one due?
create or replace function get_latest_sync_status(p_sync_type varchar default 'weekly')
returns table (
    last_sync_time timestamptz,
    last_sync_status varchar(20),
    records_processed integer,
    next_sync_due timestamptz
)
language sql
stable
set search_path from current
as $$
    select
        completed_at,
        sync_status,
        sync_log.records_processed,
        case when sync_status = 'completed' then completed_at + interval '1 day' else current_timestamp end
    from sync_log
    where sync_type = p_sync_type
    order by started_at desc
    limit 1
$$;


-- How old is the newest period of each summary table? An empty table is stale. The newest row comes from the
-- key's index, so nothing is scanned.
create or replace function check_data_freshness()
returns table (
    table_name text,
    latest_period date,
    days_old integer,
    is_stale boolean
)
language sql
stable
set search_path from current
as $$
    with newest (table_name, latest_period, days_allowed) as (
        values
            (
                'weekly_summary',
                (
                    select period_end from weekly_summary
                    where period_start is not null order by period_start desc limit 1
                ),
                14
            ),
            (
                'monthly_summary',
                (
                    select period_end from monthly_summary
                    where period_start is not null order by period_start desc limit 1
                ),
                45
            ),
            (
                'quarterly_summary',
                (
                    select period_end from quarterly_summary
                    where period_start is not null order by period_start desc limit 1
                ),
                135
            )
    )
    select
        newest.table_name,
        newest.latest_period,
        current_date - newest.latest_period,
        coalesce(current_date - newest.latest_period > newest.days_allowed, true)
    from newest
$$;


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


-- Gives the period an empty partition of its own, e.g. weekly_summary_20261108. True if one was made; false if the
-- table is plain, has a partition for it, or holds rows of it in the default partition.
create or replace function ensure_period_partition(p_table text, p_first date, p_last date) returns boolean
language plpgsql
set search_path from current
as $$
declare
    v_partition text := p_table || '_' || to_char(p_first, 'YYYYMMDD');
    v_has_rows boolean;
begin
    if not exists (select from pg_partitioned_table where partrelid = p_table::regclass) then
        return false;
    end if;
    execute format('select exists (select from %I where period_start between $1 and $2)', p_table)
    into v_has_rows
    using p_first, p_last;
    if v_has_rows or to_regclass(v_partition) is not null then
        return false;
    end if;
    -- Attaching, unlike "create table … partition of", does not lock out readers of the parent.
    execute format('create table %I (like %I including all)', v_partition, p_table);
    execute format(
        'alter table %I attach partition %I for values from (%L) to (%L)', p_table, v_partition, p_first, p_last + 1
    );
    return true;
exception
    -- Somebody else was faster, or a partition with other bounds or a row in the default partition is in the way.
    when duplicate_table or invalid_object_definition or check_violation then
        return false;
end
$$;


-- Retention: deletes sync_log rows started longer ago than p_keep with their checks and rejects, and returns how
-- many. Rows that a summary table or the ledger still points at stay; the foreign keys themselves decide.
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
    for v_id in select id from sync_log where started_at < current_timestamp - p_keep order by id loop
        begin
            delete from data_quality_checks where sync_log_id = v_id;
            delete from sync_log where id = v_id;
            v_deleted := v_deleted + 1;
        exception
            when foreign_key_violation then
                continue;
        end;
    end loop;
    return v_deleted;
end
$$;
