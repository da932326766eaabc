-- The look for restatements: what is known of the periods of a window, and what the source was seen to hold.


-- name: known_periods
-- Ledger, a run at work and the newest run that ended; dry runs publish nothing and so say nothing here.
select
    asked.period_start,
    ledger.state,
    ledger.fingerprint,
    ledger.row_count,
    at_work.run as running_run,
    case when ended.sync_status = 'failed' then ended.run end as failed_run,
    case when ended.sync_status = 'failed' then ended.error_details ->> 'type' end as failed_type,
    case when ended.sync_status = 'failed' then ended.sync_metadata #>> '{{snapshot,fingerprint}}' end
        as failed_fingerprint
from unnest(%(period_starts)s::date[]) as asked (period_start)
left join synced_period as ledger
    on ledger.sync_type = %(sync_type)s and ledger.period_start = asked.period_start
left join lateral (
    select coalesce(run_id, format('of sync_log %%s', id)) as run
    from counted_run
    where sync_type = %(sync_type)s and period_start = asked.period_start and sync_status = 'started'
    order by started_at desc, id desc
    limit 1
) as at_work on true
left join lateral (
    select sync_status, error_details, sync_metadata, coalesce(run_id, format('of sync_log %%s', id)) as run
    from counted_run
    where
        sync_type = %(sync_type)s
        and period_start = asked.period_start
        and sync_status in ('completed', 'failed')
    order by started_at desc, id desc
    limit 1
) as ended on true;


-- name: forgotten_periods
-- Published by their own sync, but somebody wrote to them since, or to a week of them.
select period_start
from synced_period
where sync_type = %(sync_type)s and state = 'synced' and fingerprint is null
order by period_start desc;


-- name: record_seen
-- Of two looks the later one stays.
insert into source_period (sync_type, period_start, period_end, fingerprint, row_count, reject_count, seen_at)
values (
    %(sync_type)s, %(period_start)s, %(period_end)s, %(fingerprint)s, %(row_count)s, %(reject_count)s, %(seen_at)s
)
on conflict (sync_type, period_start) do update set
    period_end = excluded.period_end,
    fingerprint = excluded.fingerprint,
    row_count = excluded.row_count,
    reject_count = excluded.reject_count,
    seen_at = excluded.seen_at
where source_period.seen_at <= excluded.seen_at;
