-- Rows that say started: their runs, and what is needed to close the rows of dead runs.


-- name: open_runs
select
    id as sync_log_id,
    attempt,
    sync_type,
    period_start,
    started_at,
    clock_timestamp() - started_at as age,
    dag_id,
    run_id
from sync_log
where sync_status = 'started' and (%(sync_type)s::text is null or sync_type = %(sync_type)s)
order by started_at, id;


-- name: lock_open
-- No row if a new attempt has started or the run has finished since, or if its publish is about to commit.
select sync_metadata ->> 'outcome' as outcome
from sync_log
where
    id = %(sync_log_id)s
    and attempt = %(attempt)s
    and started_at = %(started_at)s
    and sync_status = 'started'
for no key update skip locked;


-- name: staged_of
-- The staged table of a run, and what its load and publish made beside it: their names end with the run's id.
select c.relname as name
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = %(staging_schema)s and c.relkind = 'r' and c.relname ~ ('_[0-9]{{8}}_([a-z]+_([0-9a-f]{{4}}_)?)?' || %(sync_log_id)s || '$');
