-- The staged table of one run. It is filled, keyed and indexed apart, so that publishing it only changes the catalogue.


-- name: target_kind
-- 'p' is our partitioned table, 'r' a plain table that was adopted.
select c.relkind = 'p' as partitioned
from pg_class as c
where c.oid = {target_text}::regclass;


-- name: target_columns
select
    a.attname as name,
    case t.typbasetype
        when 0 then format_type(t.oid, a.atttypmod) else format_type(t.typbasetype, t.typtypmod)
    end as type,
    case when l.collname <> 'default' then l.collnamespace::regnamespace || '.' || quote_ident(l.collname) end as collation,
    a.attgenerated <> '' as is_generated,
    pg_get_expr(d.adbin, d.adrelid) as default
from pg_attribute as a
join pg_type as t on t.oid = a.atttypid
left join pg_collation as l on l.oid = a.attcollation
left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = {target_text}::regclass and a.attnum > 0 and not a.attisdropped;


-- name: lock_staged
-- Two tries of one attempt must not create the table at the same time.
select pg_advisory_xact_lock(hashtextextended({staged_text}, 0));


-- name: drop_staged
drop table {staged};


-- name: create_partition_to_be
select create_partition_to_be({staged_text}, {target_name}, {first_day}, {last_day});


-- name: create_to_compare
-- For a period that is written row by row. Nobody follows an unlogged table, whatever a publication says; a crash of the
-- server empties it.
create unlogged table {staged} (like {target} including defaults including generated);


-- name: create_plain
-- The same for a plain target: its types, so that what does not fit fails here. Its own key column must not be filled.
create unlogged table {staged} as
select {columns}
from {target}
with no data;


-- name: alter_staged
-- All changes in one statement.
alter table {staged} {actions};


-- name: set_constant
-- A value that is equal in every row of the load is a default, so that it need not be copied.
alter column {column} set default {value}


-- name: drop_constant
alter column {column} drop default


-- name: add_key
-- Nobody but the owner sees rows of a partition by its own name.
add primary key (period_start, query, asin), enable row level security


-- name: copy_rows
-- Freeze is allowed because the table is new in this transaction. Later readers need not mark its rows visible.
copy {staged} ({columns}) from stdin (format binary, freeze);


-- name: copy_query
copy ({query}) to stdout (format binary);


-- name: add_indexes
select add_partition_indexes({staged_text}, {target_name});


-- name: analyze_staged
-- The statistics that the planner needs at once, from a smaller sample than usual. Autovacuum adds the rest, as long as
-- not all columns are named here.
set local default_statistics_target = 30;
analyze {staged} (period_start, query, asin);


-- name: speed_up_index
-- Sort the key in memory. The setting holds for this transaction only.
set local maintenance_work_mem = '256MB';


-- name: forget_rejects
-- A retried load writes its rejects again.
delete from sync_rejects where sync_log_id = %(sync_log_id)s and attempt = %(attempt)s;


-- name: keep_reject
insert into sync_rejects (sync_log_id, attempt, reason, raw)
values (%(sync_log_id)s, %(attempt)s, %(reason)s, %(raw)s::jsonb);


-- name: leftovers
-- What this run has left in the staging schema, and what finished runs of the same period have, kept because their checks
-- failed.
select c.relname as name
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join sync_log as s on s.id = substring(c.relname from '_([0-9]+)$')::bigint
where
    n.nspname = %(staging_schema)s
    and c.relkind = 'r'
    and (
        s.id = %(sync_log_id)s
        or (%(of_finished_runs)s and starts_with(c.relname, %(prefix)s) and s.sync_status <> 'started')
    );


-- name: period_is_new
select
    way_as_a_whole({target_name}, {first_day}, {last_day}) is not distinct from 'attach'
    and coalesce((select relpersistence = 'p' from pg_class where oid = to_regclass({staged_text})), true) as is_new;


-- name: made
-- Which of some tables there are.
select name from unnest({texts}::text[]) as name where to_regclass(name) is not null;


-- name: staged_exists
select to_regclass({staged_text}) is not null as found;


-- name: staged_snapshot
-- The snapshot of the rows; all rows are of one snapshot.
select bigquery_sync_id as job_id from {staged} limit 1;
