-- The Airflow that owns the schema, and the days that the settings give each period type.


-- name: claim
-- The first Airflow that syncs becomes the owner.
update schema_state set airflow = %(airflow)s, airflow_since = clock_timestamp()
where airflow is null;


-- name: owner
select airflow, airflow_since from schema_state;


-- name: take_over
update schema_state set airflow = %(airflow)s, airflow_since = clock_timestamp();


-- name: write_days
update period_type set delay_days = %(delay_days)s, days_allowed = %(days_allowed)s
where sync_type = %(sync_type)s and (delay_days, days_allowed) is distinct from (%(delay_days)s, %(days_allowed)s);
