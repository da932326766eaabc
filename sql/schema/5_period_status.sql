-- How every period stands: the one answer to "may I trust last week?".


-- The steps:
--   logged      the periods of sync_log, from index entry to index entry: a thousand runs cost no more than one
--   known       those with a counted run; ledger added, and what the source has rows of: not what was before its first
--   period      every calendar period from the oldest known one to the newest finished one, and any known one outside
--   stands      ledger, runs and source of each
--   judged      whether it is complete
--   answered    and of a month or quarter, its weeks
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
            (now() at time zone 'UTC')::date - period_type.step,
            period_type.step
        ) as series
        union
        select sync_type, period_start from known where isfinite(period_start)
    ) as day
    join period_type on period_type.sync_type = day.sync_type
),

open_run (sync_type, period_start) as (
    select distinct sync_type, period_start from counted_run where sync_status = 'started'
),

stands as (
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
        end as cause,
        today,
        ledger.asins is not null as has_asins,
        ledger.asins_found,
        ledger.asins_expected,
        around.row_count as rows_around,
        case
            when ledger.state = 'synced' then ledger.expected_by
            -- of what should have come long ago, nobody needs the day
            when
                ledger.state is null
                and today <= period.period_end + period_type.days_allowed + period_type.quiet_checks
                then expected_by(period.sync_type, period.period_start)
        end as expected_by,
        case when seen.fingerprint = ledger.fingerprint then seen.quiet_checks else 0 end as quiet_checks,
        (
            greatest(ledger.snapshot_at, case when seen.fingerprint = ledger.fingerprint then seen.seen_at end)
            at time zone 'UTC'
        )::date as looked_on
    from period
    cross join lateral (select (now() at time zone 'UTC')::date as today) as day  -- not the reader's day
    join period_type on period_type.sync_type = period.sync_type
    left join synced_period as ledger
        on ledger.sync_type = period.sync_type and ledger.period_start = period.period_start
    left join source_period as seen
        on seen.sync_type = period.sync_type and seen.period_start = period.period_start
    left join rows_around() as around
        on around.sync_type = period.sync_type and around.period_start = period.period_start
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
    ) as finished on true
),

judged as (
    select
        stands.*,
        period_type.unit,
        period_type.quiet_checks as checks_needed,
        round(asins_found::numeric / asins_expected, 3) as coverage,
        case
            when state = 'synced' then verdict_on(
                asins_found,
                asins_expected,
                period_type.complete_above,
                stands.quiet_checks >= period_type.quiet_checks,
                stands.expected_by,
                stands.looked_on,
                today,
                lacks_rows(row_count, rows_around)
            )
            when state is null then case when today <= stands.expected_by then 'not yet' else 'late' end
        end as verdict,
        case
            when asins_found >= round(period_type.complete_above * asins_expected) and lacks_rows(row_count, rows_around)
                then rows_around
        end as rows_expected
    from stands
    join period_type on period_type.sync_type = stands.sync_type
),

-- What is known of the weeks of each month and quarter. A week belongs to the month and quarter of its first day.
weeks as (
    select
        rollup.sync_type,
        first_day_of(rollup.unit, week.period_start) as period_start,
        count(*) filter (where week.state in ('synced', 'adopted')) as published,
        count(*) filter (where week.status = 'synced' and week.verdict = 'complete') as trusted
    from judged as week
    cross join period_type as rollup
    where week.sync_type = 'weekly' and rollup.unit <> 'week'
    group by 1, 2
),

answered as (
    select
        judged.*,
        case when unit <> 'week' then coalesce(weeks.published, 0)::integer end as weeks_published,
        case when unit <> 'week' then number_of_weeks(judged.period_start, judged.period_end) end as weeks_total,
        coalesce(weeks.trusted, 0)::integer as weeks_trusted
    from judged
    left join weeks on weeks.sync_type = judged.sync_type and weeks.period_start = judged.period_start
)

select
    sync_type,
    period_start,
    period_end,
    status,
    state,
    row_count,
    published_at,
    sync_log_id,
    last_sync_log_id,
    last_status,
    last_error,
    last_finished_at,
    source_row_count,
    source_seen_at,
    cause,
    verdict,
    coverage,
    asins_found,
    asins_expected,
    expected_by,
    weeks_published,
    weeks_total,
    coalesce(
        (status = 'synced' and verdict = 'complete') or (status = 'derived' and weeks_trusted = weeks_total), false
    ) as trusted,
    case status
        when 'running' then 'A sync of it is running.'
        when 'failed' then case
            when state is null then 'Its last sync failed, and nothing is published.'
            else 'Its last sync failed; what was published before is unchanged.'
        end
        when 'overwritten' then 'Somebody else wrote to it after it was published.'
        when 'restated' then case source_row_count
            when 0 then 'Published, but the source has no rows for it any more.'
            else 'Published, but the source has other rows by now.'
        end
        when 'outdated' then case state
            when 'derived' then 'A week of it changed, and it was not summed anew yet.'
            else 'A week of it was published with a later snapshot.'
        end
        when 'adopted' then 'It has the rows from before the first sync; nobody has compared them with the source.'
        when 'deleted' then 'It was deleted on purpose.'
        when 'derived' then why_of_sum(weeks_published, weeks_total, weeks_trusted)
        when 'missing' then why_missing(unit, verdict, source_row_count, expected_by)
        else case
            when not has_asins then 'Which ASINs it has is not noted yet; the daily check does that.'
            when expected_by is null then
                'Its ASINs are noted, but not compared with those of other periods yet; the daily check does that.'
            else why_of_verdict(
                verdict, asins_found, asins_expected, quiet_checks, checks_needed, expected_by, today,
                row_count, rows_expected
            )
        end
    end as why
from answered;

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
comment on column period_status.verdict is
'complete: it has the ASINs that the periods around it have, and half as many rows as the smallest of them, and several '
'checks in a row found nothing new, or one after its usual day; arriving: ASINs or rows are missing, or it was not '
'checked often enough; late: the same, or nothing is published, after expected_by; not yet: nothing is published, as '
'expected; unknown: too few other periods are known. Null of what is derived, adopted or deleted.';
comment on column period_status.coverage is 'asins_found / asins_expected.';
comment on column period_status.asins_found is 'How many of the expected ASINs are published.';
comment on column period_status.asins_expected is
'About how many ASINs it should have: those that most of the four periods before it have.';
comment on column period_status.expected_by is 'When such a period is usually complete, and was checked often enough.';
comment on column period_status.weeks_published is 'Of a month or quarter: how many of its weeks are published.';
comment on column period_status.weeks_total is 'Of a month or quarter: how many weeks begin in it.';
comment on column period_status.trusted is
'The one answer: synced and complete, or the sum of weeks that all are.';
comment on column period_status.why is 'Why it is trusted or not, in one sentence.';
