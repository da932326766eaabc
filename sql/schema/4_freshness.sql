-- How fresh each table is: the age of its newest finished period against period_type.days_allowed.


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
        execute format(
            'select period_start, period_end from %I where period_start < $1 order by period_start desc limit 1',
            v_type.target_table
        )
        into period_start, period_end
        using (current_date + 1 - v_type.step)::date;
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
