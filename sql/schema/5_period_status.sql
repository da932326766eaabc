-- How every period stands: the one answer to "may I trust last week?".


-- The steps:
--   logged      the periods of sync_log, from index entry to index entry: a thousand runs cost no more than one
--   known       those with a counted run; ledger added, and what the source has rows of: not what was before its first
--   period      every calendar period from the oldest known one to the newest finished one, and any known one outside
create or replace view period_status with (security_invoker = true) as
with recursive logged (sync_type, period_start) as (
    select period_type.sync_type, oldest.period_start
    from period_type
    cross join lateral (
        select min(period_start) as period_start from sync_log where sync_type = period_type.sync_type
    ) as oldest
    union all
    select logged.sync_type, later.period_start
    from logged
    cross join lateral (
        select min(period_start) as period_start
        from sync_log
        where sync_type = logged.sync_type and period_start > logged.period_start
    ) as later
    where logged.period_start is not null
),

known (sync_type, period_start) as (
    select logged.sync_type, logged.period_start
    from logged
    cross join lateral (  -- with a limit, so that the index finds one run instead of all being read
        select from counted_run as run
        where run.sync_type = logged.sync_type and run.period_start = logged.period_start
        limit 1
    ) as counted
    union
    select sync_type, period_start from synced_period
    union
    select sync_type, period_start from source_period where row_count > 0
),

period (sync_type, period_start, period_end) as (
    select day.sync_type, day.period_start, (day.period_start + period_type.step)::date - 1
    from (
        select period_type.sync_type, series::date as period_start
        from period_type
        cross join lateral (
            select min(period_start) as period_start
            from known
            where sync_type = period_type.sync_type and isfinite(period_start)
        ) as oldest
        cross join lateral generate_series(
            first_day_of(period_type.unit, oldest.period_start)::timestamp,
            current_date - period_type.step,
            period_type.step
        ) as series
        union
        select sync_type, period_start from known where isfinite(period_start)
    ) as day
    join period_type on period_type.sync_type = day.sync_type
),

open_run (sync_type, period_start) as (
    select distinct sync_type, period_start from counted_run where sync_status = 'started'
)

select
    period.sync_type::text as sync_type,
    period.period_start,
    coalesce(ledger.period_end, period.period_end) as period_end,
    case
        when open_run.sync_type is not null then 'running'
        when
            finished.is_failed
            and (finished.id, finished.attempt) is distinct from (ledger.sync_log_id, ledger.attempt)
            -- what failed before the period was deleted on purpose is settled
            and not coalesce(ledger.state = 'deleted' and ledger.published_at > finished.completed_at, false)
            then 'failed'
        when doubt.status is not null then doubt.status
        else coalesce(ledger.state, 'missing')
    end as status,
    ledger.state,
    ledger.row_count,
    ledger.published_at,
    ledger.sync_log_id,
    last.id as last_sync_log_id,
    last.sync_status::text as last_status,
    last.error_message as last_error,
    last.completed_at as last_finished_at,
    seen.row_count as source_row_count,
    seen.seen_at as source_seen_at,
    case doubt.status
        when 'overwritten' then 'somebody else wrote to it after it was published'
        when 'restated' then
            case seen.row_count
                when 0 then 'the source has no rows for it any more'
                else 'the source has other rows than those published'
            end
        when 'outdated' then
            case ledger.state
                when 'derived' then 'a week of it changed, and it was not summed anew yet'
                else 'a week of it was published with a later snapshot'
            end
    end as cause
from period
left join synced_period as ledger
    on ledger.sync_type = period.sync_type and ledger.period_start = period.period_start
left join source_period as seen
    on seen.sync_type = period.sync_type and seen.period_start = period.period_start
left join open_run
    on open_run.sync_type = period.sync_type and open_run.period_start = period.period_start
cross join lateral (
    select
        case
            when ledger.state not in ('synced', 'derived') or ledger.state is null then null
            when ledger.state = 'derived' and ledger.week_changed_at is not null then 'outdated'
            when ledger.fingerprint is null then 'overwritten'
            when ledger.state = 'derived' then null
            when
                seen.fingerprint is distinct from ledger.fingerprint
                and coalesce(seen.seen_at > ledger.snapshot_at, seen.seen_at is not null)
                and (seen.row_count, ledger.row_count) is distinct from (0, 0)
                then 'restated'
            when ledger.week_changed_at is not null then 'outdated'
        end as status
) as doubt
left join lateral (
    select run.id, run.sync_status, run.error_message, run.completed_at
    from counted_run as run
    where run.sync_type = period.sync_type and run.period_start = period.period_start
    order by run.started_at desc, run.id desc
    limit 1
) as last on true
left join lateral (
    select
        run.id,
        run.attempt,
        run.completed_at,
        -- a run with an outcome had its period right, and failed afterwards
        run.sync_status = 'failed' and run.sync_metadata ->> 'outcome' is null and not exists (
            select from counted_run as since
            where
                since.sync_type = period.sync_type
                and since.period_start = period.period_start
                and since.sync_status = 'completed'
                and since.completed_at > coalesce(run.completed_at, run.started_at)
        ) as is_failed
    from counted_run as run
    where
        run.sync_type = period.sync_type
        and run.period_start = period.period_start
        and run.sync_status in ('completed', 'failed')
    order by run.started_at desc, run.id desc
    limit 1
) as finished on true;

comment on view period_status is
'One row for each sync type and period, from the oldest known one to the newest finished one: how it stands, which run '
'published it, how its last run went, what the source was last seen to hold. Only runs of counted_run count.';
comment on column period_status.status is
'running: a run works on it; failed: the latest finished run failed, and nobody deleted the period since; overwritten: '
'published, and somebody else wrote to it since; restated: published, but the source has other rows; outdated: a month '
'or quarter that was published or summed before a week of it changed, and not compared or summed since; synced: published by its own sync; '
'derived: summed from weeks; adopted: as it was before the first sync; deleted: deleted on purpose; missing: not published.';
comment on column period_status.state is
'What the ledger synced_period says: synced, derived, adopted, deleted, or null for nothing.';
comment on column period_status.row_count is 'Rows when it was published; null for derived.';
comment on column period_status.published_at is 'When it was last published, derived or deleted.';
comment on column period_status.sync_log_id is 'The run that published it.';
comment on column period_status.last_sync_log_id is 'The run of it that started last, published or not.';
comment on column period_status.last_status is 'Of that run: started, completed or failed.';
comment on column period_status.last_error is 'Why that run failed, and what to do.';
comment on column period_status.last_finished_at is 'When that run finished; null while it works.';
comment on column period_status.source_row_count is 'Rows the daily check last saw at the source; null: not checked.';
comment on column period_status.source_seen_at is 'When it checked.';
comment on column period_status.cause is 'Why a published period is overwritten, restated or outdated, else null.';
