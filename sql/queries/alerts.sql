-- The text of alerts, and which alerts were sent.


-- name: finished_run
-- failures_in_a_row counts the failed runs of the period since its last completed run, this one included.
select
    s.id as sync_log_id,
    s.attempt,
    s.sync_type,
    s.sync_status,
    s.period_start,
    s.period_end,
    s.dag_id,
    s.run_id,
    s.records_processed,
    s.records_inserted,
    s.records_updated,
    s.records_failed,
    s.error_message,
    s.error_details ->> 'stage' as stage,
    s.error_details ->> 'type' as error_type,
    s.sync_metadata ->> 'outcome' as outcome,
    coalesce(s.sync_metadata @> '{{"options": {{"dry_run": true}}}}', false) as is_dry,
    (
        select count(*)
        from counted_run as f
        where
            f.sync_type = s.sync_type
            and f.period_start = s.period_start
            and f.sync_status = 'failed'
            and f.started_at <= s.started_at
            and not exists (
                select from counted_run as c
                where
                    c.sync_type = s.sync_type
                    and c.period_start = s.period_start
                    and c.sync_status = 'completed'
                    and c.completed_at > f.started_at
                    and c.completed_at <= s.started_at
            )
    ) as failures_in_a_row,
    exists (
        select from data_quality_checks as q where q.sync_log_id = s.id and q.attempt = s.attempt
    ) as is_checked,
    array(
        select coalesce(q.check_message, q.check_type)
        from data_quality_checks as q
        where q.sync_log_id = s.id and q.attempt = s.attempt and q.check_status = 'warning'
        order by q.id
    ) as warnings,
    array(
        select distinct concat_ws(' ', q.check_type, q.column_name)
        from data_quality_checks as q
        where q.sync_log_id = s.id and q.attempt = s.attempt and q.check_status = 'warning'
        order by 1
    ) as warned_of,
    array(
        select b.warned
        from (
            select e.id, e.attempt
            from counted_run as e
            where
                e.sync_type = s.sync_type
                and e.period_start < s.period_start
                and e.sync_status = 'completed'
                and exists (select from data_quality_checks as q where q.sync_log_id = e.id and q.attempt = e.attempt)
            order by e.period_start desc, e.id desc
            limit 1
        ) as before
        cross join lateral (
            select distinct concat_ws(' ', q.check_type, q.column_name) as warned
            from data_quality_checks as q
            where q.sync_log_id = before.id and q.attempt = before.attempt and q.check_status = 'warning'
        ) as b
        order by 1
    ) as warned_before,
    array(
        select distinct a.cause
        from sent_alert as a
        where a.kind = 'warning' and starts_with(a.subject, s.sync_type || ' ')
    ) as warnings_sent
from sync_log as s
where s.id = %(sync_log_id)s;


-- name: restated
-- What a run changed in a period that a sync had published before, and what it was in total. One that only put back what
-- somebody else had written changed nothing that was published.
select
    now.version,
    now.inserted,
    now.updated,
    now.deleted,
    before.totals as totals_before,
    now.totals
from period_version as now
cross join lateral (
    select totals, sync_log_id, how, row_count, row_hash
    from period_version as earlier
    where
        earlier.sync_type = now.sync_type and earlier.period_start = now.period_start and earlier.version < now.version
    order by earlier.version desc
    limit 1
) as before
where
    now.sync_type = %(sync_type)s
    and now.period_start = %(period_start)s
    and now.sync_log_id = %(sync_log_id)s
    and now.attempt = %(attempt)s
    and before.sync_log_id is not null
    and before.totals is not null
    and not (now.is_healing and (now.row_count, now.row_hash) is not distinct from (before.row_count, before.row_hash));


-- name: run_of
select id as sync_log_id, sync_status
from sync_log
where dag_id = %(dag_id)s and run_id = %(run_id)s;


-- name: claim
-- No row means that an alert of this cause was sent and is not resolved.
insert into sent_alert (kind, subject, cause, title)
values (%(kind)s, %(subject)s, %(cause)s, %(title)s)
on conflict (kind, subject, cause) where resolved_at is null do nothing
returning id;


-- name: take_back
-- The alert could not be sent, so it is forgotten.
delete from sent_alert
where id = %(id)s;


-- name: resolve
-- That a period is late is resolved by its name only: a run without warnings does not make the period complete.
update sent_alert set resolved_at = clock_timestamp()
where
    kind = %(kind)s
    and subject = %(subject)s
    and resolved_at is null
    and (cause = %(cause)s or (%(cause)s::text is null and cause <> 'late'));


-- name: is_open
-- Whether an alert of that kind and subject was sent and is not resolved.
select exists (
    select from sent_alert where kind = %(kind)s and subject = %(subject)s and resolved_at is null
) as is_open;


-- name: resolve_overtaken
-- Failures that were sent before the period was last synced. Its recovery could not be sent, and the new failure is
-- sent instead.
update sent_alert as notified set resolved_at = clock_timestamp()
from sync_log as failed
where
    failed.id = %(sync_log_id)s
    and notified.kind = 'failed'
    and notified.subject = %(subject)s
    and notified.resolved_at is null
    and exists (
        select from counted_run as c
        where
            c.sync_type = failed.sync_type
            and c.period_start = failed.period_start
            and c.sync_status = 'completed'
            and c.completed_at > notified.sent_at
    );


-- name: recovered_runs
-- The latest finished run of each period whose failure was sent, if that run completed since.
with notified (sync_type, period_start, sent_at) as (
    select
        split_part(subject, ' ', 1),
        case
            when subject ~ '^[a-z]+ \d{{4}}-\d\d-\d\d\.\.' then split_part(split_part(subject, ' ', 2), '..', 1)::date
        end,
        min(sent_at)
    from sent_alert
    where kind = 'failed' and resolved_at is null
    group by 1, 2
)

select finished.id as sync_log_id
from notified
cross join lateral (
    select s.id, s.sync_status, s.completed_at
    from counted_run as s
    where
        s.sync_type = notified.sync_type
        and s.period_start = notified.period_start
        and s.sync_status in ('completed', 'failed')
    order by s.completed_at desc, s.id desc
    limit 1
) as finished
where finished.sync_status = 'completed' and finished.completed_at > notified.sent_at
order by finished.id;
