-- The benchmark's databases on the services' server, and what is read from them.


-- name: create_database
create database {name} template {template} strategy file_copy;


-- name: drop_database
drop database if exists {name} with (force);


-- name: checkpoint
checkpoint;


-- name: own_month_and_quarter
-- Mark month and quarter as synced by their own Dags, so that a week's publish does not change them.
insert into sqp.synced_period (sync_type, period_start, period_end, state)
values
    ('monthly', date_trunc('month', %(week)s), date_trunc('month', %(week)s) + interval '1 month - 1 day', 'synced'),
    ('quarterly', date_trunc('quarter', %(week)s), date_trunc('quarter', %(week)s) + interval '3 months - 1 day', 'synced')
on conflict do nothing;


-- name: disown_month_and_quarter
-- From now on month and quarter are summed from the weeks.
delete from sqp.synced_period where sync_type <> 'weekly';


-- name: last_sync
select max(id) as sync_log_id from sqp.sync_log;


-- name: a_query
-- A search query for the reader.
select query from sqp.weekly_summary where period_start = %(week)s order by query limit 1;


-- name: read_as_a_dashboard
select period_start, sum(total_impressions), sum(total_clicks)
from sqp.weekly_summary
where period_start >= {week} and query = {query}
group by period_start;


-- name: others_at_work
-- Clients whose statistics may not have arrived yet, without the reader.
select count(*) as clients
from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
    and application_name <> 'bench reader';


-- name: forget_statistics_read
select pg_stat_force_next_flush(), pg_stat_clear_snapshot();


-- name: wal_position
select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes;


-- name: relation_bytes
-- The tables of all contenders, with their indexes and out-of-line values.
select coalesce(sum(pg_total_relation_size(c.oid)), 0) as bytes
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast');


-- name: tuples
select relid, schemaname, relname, n_tup_ins + n_tup_upd + n_tup_del as written from pg_stat_user_tables;


-- name: settings
select name, current_setting(name) as value
from pg_settings
where name in (
    'server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'wal_level', 'shared_buffers', 'work_mem',
    'maintenance_work_mem', 'max_wal_size', 'max_parallel_workers_per_gather', 'max_parallel_maintenance_workers', 'jit'
)
order by name;
