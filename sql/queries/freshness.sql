-- How fresh the tables are, from table_freshness().


-- name: tables
select
    sync_type,
    table_name,
    period_start,
    period_end,
    state,
    days_old,
    days_allowed,
    is_stale,
    synced_period_start,
    synced_period_end,
    last_sync_log_id,
    last_status,
    last_finished_at,
    last_error,
    (select feed from schema_state) as feed
from table_freshness();


-- name: newest_due
-- The newest finished period whose publication delay has passed.
select p.sync_type, p.period_start, p.period_end, p.trusted, p.verdict, p.why
from period_type as t
join period_status as p on p.sync_type = t.sync_type
where t.target_table = %(table_name)s and p.period_end + t.delay_days < current_date
order by p.period_start desc
limit 1;
