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
