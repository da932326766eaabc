-- The check for restatements: what Postgres knows of the periods of a window, and what was found at the source.


-- name: known_periods
-- The ledger, a running run and the latest finished run of each period. Dry runs publish nothing, so they do not count.
-- Of a period that its own sync has not published: the day by which it should have come, if that day is over. Two
-- earlier ones must be known, as for the outlook of a run that finds nothing.
select
    asked.period_start,
    ledger.state,
    ledger.fingerprint,
    ledger.row_count,
    running.run as running_run,
    case when finished.sync_status = 'failed' then finished.run end as failed_run,
    case when finished.sync_status = 'failed' then finished.error_details ->> 'type' end as failed_type,
    case when finished.sync_status = 'failed' then finished.sync_metadata #>> '{{snapshot,fingerprint}}' end
        as failed_fingerprint,
    case
        when
            coalesce(ledger.state, 'derived') = 'derived'
            and (
                select count(*)
                from (
                    select
                    from synced_period as earlier
                    where
                        earlier.sync_type = %(sync_type)s
                        and earlier.period_start < asked.period_start
                        and earlier.state = 'synced'
                        and earlier.row_count > 0
                    limit 2
                ) as found
            ) = 2
            and expected_by(%(sync_type)s, asked.period_start) < %(day)s
            -- a period that should have come long ago is a gap of the source, and its table is stale
            and %(day)s <= (
                select (asked.period_start + step)::date - 1 + days_allowed + quiet_checks
                from period_type
                where sync_type = %(sync_type)s
            )
            then expected_by(%(sync_type)s, asked.period_start)
    end as expected_by
from unnest(%(period_starts)s::date[]) as asked (period_start)
left join synced_period as ledger
    on ledger.sync_type = %(sync_type)s and ledger.period_start = asked.period_start
left join lateral (
    select coalesce(run_id, format('of sync_log %%s', id)) as run
    from counted_run
    where sync_type = %(sync_type)s and period_start = asked.period_start and sync_status = 'started'
    order by started_at desc, id desc
    limit 1
) as running on true
left join lateral (
    select sync_status, error_details, sync_metadata, coalesce(run_id, format('of sync_log %%s', id)) as run
    from counted_run
    where
        sync_type = %(sync_type)s
        and period_start = asked.period_start
        and sync_status in ('completed', 'failed')
    order by started_at desc, id desc
    limit 1
) as finished on true;


-- name: accounted_periods
-- What the ledger says of the periods of a type. Of an adopted or deleted one it does not know the rows.
select ledger.period_start, ledger.state, ledger.row_count, ledger.row_hash, ledger.fingerprint,
    ledger.published_at,
    must_be_summed(ledger) as must_be_summed
from synced_period as ledger
where sync_type = %(sync_type)s and (state = 'derived' or (state = 'synced' and fingerprint is not null))
order by period_start desc;


-- name: forget_overwritten
-- Unless it was published since its rows were read.
update synced_period set fingerprint = null
where
    sync_type = %(sync_type)s
    and period_start = %(period_start)s
    and (fingerprint, published_at) is not distinct from (%(fingerprint)s::text, %(published_at)s::timestamptz);


-- name: doubted_periods
-- Periods that their own sync published, and to which, or to a week of which, somebody wrote afterwards.
select period_start
from synced_period
where sync_type = %(sync_type)s and state = 'synced' and (fingerprint is null or week_changed_at is not null)
order by period_start desc;


-- name: record_seen
-- An older check never replaces a later one. Two checks on one day count as one. A check that finds other rows than the
-- one before it begins to count anew: with itself, if these are the rows that were published before it.
with seen as (
    select
        %(sync_type)s::text as sync_type,
        %(period_start)s::date as period_start,
        %(period_end)s::date as period_end,
        %(fingerprint)s::text as fingerprint,
        %(row_count)s::bigint as row_count,
        %(reject_count)s::bigint as reject_count,
        %(seen_at)s::timestamptz as seen_at
)

insert into source_period (
    sync_type, period_start, period_end, fingerprint, row_count, reject_count, seen_at, quiet_checks
)
select
    seen.*,
    case
        when ledger.fingerprint = seen.fingerprint and ledger.snapshot_at < seen.seen_at then 1
        else 0
    end
from seen
left join synced_period as ledger
    on ledger.sync_type = seen.sync_type and ledger.period_start = seen.period_start
on conflict (sync_type, period_start) do update set
    period_end = excluded.period_end,
    fingerprint = excluded.fingerprint,
    row_count = excluded.row_count,
    reject_count = excluded.reject_count,
    seen_at = excluded.seen_at,
    quiet_checks = case
        when source_period.fingerprint is distinct from excluded.fingerprint then excluded.quiet_checks
        when (source_period.seen_at at time zone 'UTC')::date < (excluded.seen_at at time zone 'UTC')::date
            then source_period.quiet_checks + 1
        else source_period.quiet_checks
    end
where source_period.seen_at <= excluded.seen_at;


-- name: settle_outdated
-- The source was seen to have what is published, after the week's snapshot: the week was in it already.
update synced_period as ledger set week_changed_at = null
from source_period as seen
where
    ledger.sync_type = %(sync_type)s
    and ledger.week_changed_at <= seen.seen_at
    and ledger.fingerprint = seen.fingerprint
    and seen.sync_type = ledger.sync_type
    and seen.period_start = ledger.period_start;
