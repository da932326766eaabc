-- A run that ended as Superseded made way for a newer run, or for newer data: it says nothing of its period. An old run
-- that was cleared is the one that started last, and left its period failed although another run had published it.

create or replace view period_status as
with recursive calendar (sync_type, unit, step) as (
    values
        ('weekly', 'week', interval '7 days'),
        ('monthly', 'month', interval '1 month'),
        ('quarterly', 'quarter', interval '3 months')
),

logged (sync_type, period_start) as (
    select calendar.sync_type, oldest.period_start
    from calendar
    cross join lateral (
        select min(period_start) as period_start from sync_log where sync_type = calendar.sync_type
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
    where exists (
        select from sync_log as s
        where
            s.sync_type = logged.sync_type
            and s.period_start = logged.period_start
            and not coalesce(s.sync_metadata @> '{"adopted": true}', false)
    )
    union
    select sync_type, period_start from synced_period
    union
    select sync_type, period_start from source_period
),

period (sync_type, period_start, period_end) as (
    select day.sync_type, day.period_start, (day.period_start + calendar.step)::date - 1
    from (
        select calendar.sync_type, series::date as period_start
        from calendar
        cross join lateral (
            select min(period_start) as period_start
            from known
            where sync_type = calendar.sync_type and isfinite(period_start)
        ) as oldest
        cross join lateral generate_series(
            case calendar.unit
                when 'week' then oldest.period_start - extract(dow from oldest.period_start)::integer
                else date_trunc(calendar.unit, oldest.period_start::timestamp)
            end,
            current_date - calendar.step,
            calendar.step
        ) as series
        union
        select sync_type, period_start from known where isfinite(period_start)
    ) as day
    join calendar on calendar.sync_type = day.sync_type
),

open_run (sync_type, period_start) as (
    select distinct sync_type, period_start
    from sync_log
    where sync_status = 'started' and not coalesce(sync_metadata @> '{"options": {"dry_run": true}}', false)
)

select
    period.sync_type::text as sync_type,
    period.period_start,
    coalesce(ledger.period_end, period.period_end) as period_end,
    case
        when open_run.sync_type is not null then 'running'
        when
            ended.is_failed
            -- a run that published and only failed to say so has not failed its period
            and (ended.id, ended.attempt) is distinct from (ledger.sync_log_id, ledger.attempt)
            then 'failed'
        when
            ledger.state = 'synced'
            and (
                ledger.fingerprint is null
                or (
                    seen.fingerprint is distinct from ledger.fingerprint
                    and coalesce(seen.seen_at > ledger.snapshot_at, seen.seen_at is not null)
                    and (seen.row_count, ledger.row_count) is distinct from (0, 0)
                )
            )
            then 'restated'
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
    seen.seen_at as source_seen_at
from period
left join synced_period as ledger
    on ledger.sync_type = period.sync_type and ledger.period_start = period.period_start
left join source_period as seen
    on seen.sync_type = period.sync_type and seen.period_start = period.period_start
left join open_run
    on open_run.sync_type = period.sync_type and open_run.period_start = period.period_start
left join lateral (
    select run.id, run.sync_status, run.error_message, run.completed_at
    from sync_log as run
    where
        run.sync_type = period.sync_type
        and run.period_start = period.period_start
        and not coalesce(run.sync_metadata @> '{"adopted": true}', false)
        and not coalesce(run.sync_metadata @> '{"options": {"dry_run": true}}', false)
    order by run.started_at desc, run.id desc
    limit 1
) as last on true
left join lateral (
    select
        run.id,
        run.attempt,
        run.sync_status = 'failed' and not exists (
            select from sync_log as since
            where
                since.sync_type = period.sync_type
                and since.period_start = period.period_start
                and since.sync_status = 'completed'
                and since.completed_at > coalesce(run.completed_at, run.started_at)
                and not coalesce(since.sync_metadata @> '{"options": {"dry_run": true}}', false)
        ) as is_failed
    from sync_log as run
    where
        run.sync_type = period.sync_type
        and run.period_start = period.period_start
        and run.sync_status in ('completed', 'failed')
        and coalesce(run.error_details ->> 'type', '') <> 'Superseded'
        and not coalesce(run.sync_metadata @> '{"adopted": true}', false)
        and not coalesce(run.sync_metadata @> '{"options": {"dry_run": true}}', false)
    order by run.started_at desc, run.id desc
    limit 1
) as ended on true;

comment on column period_status.status is
'running: a run is at work; failed: the newest run that ended failed, those left out that made way for another; '
'restated: published, but the source differs or somebody wrote to it or to a week of it; synced: published by its own '
'sync; derived: made of weeks; missing: not published.';
