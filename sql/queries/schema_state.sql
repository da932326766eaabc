-- The Airflow and the feed that own the schema, and what the settings say of each period type.


-- name: claim
-- The first Airflow that syncs becomes the owner, and so does the first named feed of what was an only one.
update schema_state set airflow = %(airflow)s, feed = %(feed)s, airflow_since = clock_timestamp()
where airflow is null or (airflow = %(airflow)s and feed is null and %(feed)s::text is not null);


-- name: owner
select airflow, feed, airflow_since from schema_state;


-- name: take_over
update schema_state set airflow = %(airflow)s, feed = %(feed)s, airflow_since = clock_timestamp();


-- name: write_settings
update period_type set
    delay_days = %(delay_days)s,
    days_allowed = %(days_allowed)s,
    complete_above = %(complete_above)s,
    quiet_checks = %(quiet_checks)s,
    kept_changes = least(%(kept_changes)s::bigint, 2147483647)
where
    sync_type = %(sync_type)s
    and (delay_days, days_allowed, complete_above, quiet_checks, kept_changes) is distinct from (
        %(delay_days)s, %(days_allowed)s, %(complete_above)s::numeric, %(quiet_checks)s,
        least(%(kept_changes)s::bigint, 2147483647)
    );
