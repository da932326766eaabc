-- How fresh each table is: the age of its newest finished period against period_type.days_allowed.


-- The newest period that starts before a day. Partitions are asked from the newest down, one at a time and always through
-- the table: to open all of them takes a lock for each and its indexes, and a reader may have no right on a partition.
-- Between them the default partition is asked.
create or replace function newest_period_before(p_table regclass, p_before date, out period_start date, out period_end date)
language plpgsql
stable
set search_path from current
as $$
declare
    v_from date;
    v_before date := p_before;
begin
    for v_from in
        select first_day from partitions_of(p_table) where first_day < p_before
        union all
        select '-infinity'::date
        order by first_day desc
    loop
        execute format(
            'select period_start, period_end from %s where period_start >= %L and period_start < %L
            order by period_start desc limit 1',
            p_table, v_from, v_before
        )
        into period_start, period_end;
        exit when period_start is not null;
        v_before := v_from;
    end loop;
end
$$;


-- Running periods do not count: a month has rows of the weeks so far, which would hide that the month before is missing.
-- The period's first day decides, so that rows of the running period are not even read. A function and not a view, so
-- that nothing stands in the way of whoever replaces a summary table.
create or replace function table_freshness()
returns table (
    sync_type text,
    table_name text,
    period_start date,                   -- the newest finished period
    period_end date,
    state text,                          -- of that period: synced, derived, or null when the ledger lacks it
    days_old integer,                    -- since its end
    days_allowed integer,
    is_stale boolean,
    synced_period_start date,            -- the newest period that a sync of its own has published
    synced_period_end date,
    last_sync_log_id bigint,             -- the counted run that started last
    last_status text,
    last_finished_at timestamptz,
    last_error text
)
language plpgsql
stable
set search_path from current
as $$
#variable_conflict use_column
declare
    v_type period_type;
begin
    for v_type in select * from period_type order by step loop
        sync_type := v_type.sync_type;
        table_name := v_type.target_table;
        days_allowed := v_type.days_allowed;
        select newest.period_start, newest.period_end into period_start, period_end
        from newest_period_before(v_type.target_table, (current_date + 1 - v_type.step)::date) as newest;
        days_old := current_date - period_end;
        is_stale := coalesce(days_old > days_allowed, true);
        state := (
            select ledger.state from synced_period as ledger
            where ledger.sync_type = v_type.sync_type and ledger.period_start = table_freshness.period_start
        );
        select p.period_start, p.period_end into synced_period_start, synced_period_end
        from synced_period as p
        where p.sync_type = v_type.sync_type and p.state = 'synced'
        order by p.period_start desc
        limit 1;
        select r.id, r.sync_status, r.completed_at, r.error_message
        into last_sync_log_id, last_status, last_finished_at, last_error
        from counted_run as r
        where r.sync_type = v_type.sync_type
        order by r.started_at desc, r.id desc
        limit 1;
        return next;
    end loop;
end
$$;

comment on function table_freshness() is
'How old the newest finished period is, how old it may be, what the ledger says of it, how the last sync went.';


-- The specification's own question.
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
    select freshness.table_name, freshness.period_end, freshness.days_old, freshness.is_stale
    from table_freshness() as freshness
$$;

comment on function check_data_freshness() is
'The last day of the newest finished period, its age in days, and whether that is too old; an empty table is stale.';
