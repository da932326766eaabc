-- How fresh each table is, with all that a person asks next: how old it may be, what the ledger says of the newest
-- period, how the last sync went. The only place that knows the thresholds.
-- A function and not a view, so that nothing stands in the way of whoever replaces a summary table.

create or replace function table_freshness()
returns table (
    sync_type text,
    table_name text,
    period_start date,
    period_end date,
    state text,                          -- of the newest period: synced, derived, or null when the ledger lacks it
    days_old integer,                    -- since the period's end; negative while a derived period is not over
    days_allowed integer,
    is_stale boolean,
    synced_period_start date,            -- the newest period that a sync of its own has published
    synced_period_end date,
    last_sync_log_id bigint,             -- the run that started last, dry runs and adoption left out
    last_status text,
    last_finished_at timestamptz,
    last_error text
)
language sql
stable
set search_path from current
as $$
    with newest (sync_type, days_allowed, period_start, period_end) as (
        select 'weekly', 14, week.period_start, week.period_end
        from (select) as one
        left join lateral (
            select w.period_start, w.period_end from weekly_summary as w
            where w.period_start is not null order by w.period_start desc limit 1
        ) as week on true
        union all
        select 'monthly', 45, month.period_start, month.period_end
        from (select) as one
        left join lateral (
            select m.period_start, m.period_end from monthly_summary as m
            where m.period_start is not null order by m.period_start desc limit 1
        ) as month on true
        union all
        select 'quarterly', 135, quarter.period_start, quarter.period_end
        from (select) as one
        left join lateral (
            select q.period_start, q.period_end from quarterly_summary as q
            where q.period_start is not null order by q.period_start desc limit 1
        ) as quarter on true
    )
    select
        newest.sync_type,
        newest.sync_type || '_summary',
        newest.period_start,
        newest.period_end,
        ledger.state,
        current_date - newest.period_end,
        newest.days_allowed,
        coalesce(current_date - newest.period_end > newest.days_allowed, true),
        synced.period_start,
        synced.period_end,
        last.id,
        last.sync_status::text,
        last.completed_at,
        last.error_message
    from newest
    left join synced_period as ledger
        on ledger.sync_type = newest.sync_type and ledger.period_start = newest.period_start
    left join lateral (
        select p.period_start, p.period_end from synced_period as p
        where p.sync_type = newest.sync_type and p.state = 'synced'
        order by p.period_start desc
        limit 1
    ) as synced on true
    left join lateral (
        select s.id, s.sync_status, s.completed_at, s.error_message from sync_log as s
        where
            s.sync_type = newest.sync_type
            and not coalesce(s.sync_metadata @> '{"adopted": true}', false)
            and not coalesce(s.sync_metadata @> '{"options": {"dry_run": true}}', false)
        order by s.started_at desc, s.id desc
        limit 1
    ) as last on true
    order by newest.days_allowed
$$;


-- The question as it always was asked, answered from the one place that knows the thresholds.
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
    order by freshness.days_allowed
$$;
