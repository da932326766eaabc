-- What an alert says, and which alerts were sent.


-- name: finished_run
-- Failures in a row: failed runs of the same period, this one included, since one of it completed.
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
    ) as warned_of
from sync_log as s
where s.id = %(sync_log_id)s;


-- name: run_of
select id as sync_log_id, sync_status
from sync_log
where dag_id = %(dag_id)s and run_id = %(run_id)s;


-- name: claim
-- No row: this cause is open and was told.
insert into sent_alert (kind, subject, cause, title)
values (%(kind)s, %(subject)s, %(cause)s, %(title)s)
on conflict (kind, subject, cause) where resolved_at is null do nothing
returning id;


-- name: take_back
-- It could not be sent, so it counts as not told.
delete from sent_alert
where id = %(id)s;


-- name: resolve
update sent_alert set resolved_at = clock_timestamp()
where kind = %(kind)s and subject = %(subject)s and resolved_at is null;


-- name: is_open
-- Whether a cause of that kind and subject was told and is not known to be gone.
select exists (
    select from sent_alert where kind = %(kind)s and subject = %(subject)s and resolved_at is null
) as is_open;


-- name: resolve_overtaken
-- Failures that were told before the period was synced again, which nobody could be told: a new failure is news.
update sent_alert as told set resolved_at = clock_timestamp()
from sync_log as failed
where
    failed.id = %(sync_log_id)s
    and told.kind = 'failed'
    and told.subject = %(subject)s
    and told.resolved_at is null
    and exists (
        select from counted_run as c
        where
            c.sync_type = failed.sync_type
            and c.period_start = failed.period_start
            and c.sync_status = 'completed'
            and c.completed_at > told.sent_at
    );


-- name: recovered_runs
-- Of each period whose failure was told, the run that ended last, if it completed since.
with told (sync_type, period_start, sent_at) as (
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

select ended.id as sync_log_id
from told
cross join lateral (
    select s.id, s.sync_status, s.completed_at
    from counted_run as s
    where
        s.sync_type = told.sync_type
        and s.period_start = told.period_start
        and s.sync_status in ('completed', 'failed')
    order by s.completed_at desc, s.id desc
    limit 1
) as ended
where ended.sync_status = 'completed' and ended.completed_at > told.sent_at
order by ended.id;
