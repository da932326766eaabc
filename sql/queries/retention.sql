-- The statements of the daily retention; their functions are in schema/8_retention.sql.


-- name: delete_rejects
delete from sync_rejects
where created_at < current_timestamp - %(keep)s::interval;


-- name: delete_runs
select delete_old_sync_log(%(keep)s::interval) as deleted;


-- name: delete_alerts
-- An open alert stays, because without it the alert would be sent again.
delete from sent_alert
where resolved_at < current_timestamp - %(keep)s::interval;


-- name: delete_seen
delete from source_period
where seen_at < current_timestamp - %(keep)s::interval;


-- name: delete_changes
select delete_old_changes(%(keep)s::interval) as deleted;


-- name: old_periods
select sync_type, period_start from old_periods(%(keep)s::interval);


-- name: delete_period
select delete_period(%(sync_type)s, %(period_start)s) as deleted;


-- name: deleted_partitions
select target_table, partition_name from deleted_partitions();


-- name: drop_partition
select drop_deleted_partition(%(partition_name)s) as dropped;
