-- What the doctor asks Postgres: the catalogue alone, in read-only transactions. The schema may be one that was never
-- migrated, or one in which the specification's tables stand that somebody else has made.


-- name: server
select
    current_setting('server_version') as version,
    current_setting('server_version_num')::integer / 10000 as major,
    current_database()::text as database,
    session_user::text as login,
    pg_is_in_recovery() as is_replica;


-- name: schema
select
    to_regnamespace(quote_ident(%(schema)s::text)) is not null as is_there,
    to_regclass(format('%%I.schema_state', %(schema)s::text)) is not null as is_migrated;


-- name: missing_rights
-- What the role of a sync may not do, of all that a sync does.
select format('%%s on %%s', string_agg(needed, ', ' order by needed), name) as missing
from (
    select name, needed
    from (
        values
            ('sync_log', 'select,insert,update,delete,references'),
            ('data_quality_checks', 'select,insert,update,delete'),
            ('sync_rejects', 'select,insert,update,delete'),
            ('synced_period', 'select,insert,update,delete'),
            ('source_period', 'select,insert,update,delete'),
            ('period_version', 'select,insert,update,delete'),
            ('period_change', 'select,insert,update,delete'),
            ('sent_alert', 'select,insert,update,delete'),
            ('period_type', 'select,update'),
            ('schema_state', 'select,update')
    ) as ours (name, rights)
    cross join string_to_table(rights, ',') as needed
    where not has_table_privilege(to_regclass(format('%%I.%%I', %(schema)s::text, name)), needed)
    union all
    select c.relname, 'ownership'
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where
        n.nspname = %(schema)s::text
        and c.relname in ('weekly_summary', 'monthly_summary', 'quarterly_summary')
        and not pg_has_role(c.relowner, 'usage')
    union all
    select 'schema ' || nspname, 'create'
    from pg_namespace
    where nspname in (%(schema)s::text, concat(%(schema)s::text, '_staging')) and not has_schema_privilege(oid, 'create')
) as needed
group by name
order by name;


-- name: may_migrate
-- Whether this login may migrate: make schemas that are missing and temporary functions, and alter what is there.
select
    session_user::text as login,
    has_database_privilege(current_database(), 'create')
        or (
            select count(*) = 2
            from pg_namespace
            where nspname in (%(schema)s::text, concat(%(schema)s::text, '_staging')) and has_schema_privilege(oid, 'create')
        ) as makes_schemas,
    has_database_privilege(current_database(), 'temporary') as makes_temporary,
    array(
        select format('%%s (of %%s)', c.relname, pg_get_userbyid(c.relowner))
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where
            n.nspname = %(schema)s::text
            and c.relname in (
                'weekly_summary', 'monthly_summary', 'quarterly_summary', 'sync_log', 'data_quality_checks',
                'schema_state'
            )
            and not pg_has_role(c.relowner, 'usage')
        order by c.relname
    ) as of_others;


-- name: writers
-- Other logins that may write to the summary tables. A superuser may do everything, and is not among them.
select r.rolname::text as login, string_agg(c.relname, ', ' order by c.relname) as tables
from pg_roles as r
cross join pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where
    n.nspname = %(schema)s::text
    and c.relname in ('weekly_summary', 'monthly_summary', 'quarterly_summary')
    and r.rolcanlogin
    and not r.rolsuper
    and r.rolname <> all (%(ours)s)
    and has_schema_privilege(r.oid, n.oid, 'usage')
    and has_table_privilege(r.oid, c.oid, 'insert, update, delete, truncate')
group by r.rolname
order by r.rolname;


-- name: followers
-- Triggers and rules of others on the summary tables and their partitions.
with summary as (
    select tree.relid
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    cross join pg_partition_tree(c.oid) as tree
    where n.nspname = %(schema)s::text and c.relname in ('weekly_summary', 'monthly_summary', 'quarterly_summary')
)

select format('trigger %%s on %%s', t.tgname, t.tgrelid::regclass) as name
from summary
join pg_trigger as t on t.tgrelid = summary.relid
join pg_proc as p on p.oid = t.tgfoid
join pg_namespace as n on n.oid = p.pronamespace
where
    not t.tgisinternal
    and t.tgparentid = 0
    and t.tgenabled <> 'D'
    and not (
        n.nspname = %(schema)s::text and p.proname in ('update_aggregate_summaries', 'forget_fingerprint', 'forget_period')
    )
union all
select format('rule %%s on %%s', r.rulename, r.ev_class::regclass)
from summary
join pg_rewrite as r on r.ev_class = summary.relid
order by name;


-- name: publications
-- Publications of the summary tables. One that sends rows under the names of partitions would miss new partitions.
select
    p.pubname::text as publication,
    string_agg(c.relname, ', ' order by c.relname) as tables,
    bool_or(c.relkind = 'p' and not p.pubviaroot) as by_partition
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_publication as p
    on p.puballtables
    or exists (select from pg_publication_rel where prpubid = p.oid and prrelid = c.oid)
    or exists (select from pg_publication_namespace where pnpubid = p.oid and pnnspid = c.relnamespace)
where n.nspname = %(schema)s::text and c.relname in ('weekly_summary', 'monthly_summary', 'quarterly_summary')
group by p.pubname
order by p.pubname;


-- name: policies
select format('%%s on %%s', p.policyname, p.tablename) as name
from pg_policies as p
where p.schemaname = %(schema)s::text and p.tablename in ('weekly_summary', 'monthly_summary', 'quarterly_summary')
order by name;


-- name: dependents
-- What others have made over the summary tables: views, keys that refer to them, functions with a body that names them.
with summary as (
    select c.oid, n.nspname
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = %(schema)s::text and c.relname in ('weekly_summary', 'monthly_summary', 'quarterly_summary')
)

select distinct format('%%s %%s', case v.relkind when 'm' then 'materialized view' else 'view' end, v.oid::regclass) as name
from summary
join pg_depend as d on d.refclassid = 'pg_class'::regclass and d.refobjid = summary.oid
join pg_rewrite as r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
join pg_class as v on v.oid = r.ev_class and v.relkind in ('v', 'm')
join pg_namespace as n on n.oid = v.relnamespace
where
    not (n.nspname = %(schema)s::text and v.relname ~ '^(weekly|monthly|quarterly)_(query|asin)$')
    -- the views over all feeds are ours
    and not coalesce(obj_description(n.oid, 'pg_namespace') ^@ 'SQP Sync: all feeds of Airflow ', false)
union
select format('foreign key %%s on %%s', k.conname, k.conrelid::regclass)
from summary
join pg_constraint as k on k.confrelid = summary.oid and k.contype = 'f' and k.conparentid = 0
union
select format('function %%s', p.oid::regprocedure)
from summary
join pg_depend as d on d.refclassid = 'pg_class'::regclass and d.refobjid = summary.oid and d.classid = 'pg_proc'::regclass
join pg_proc as p on p.oid = d.objid
join pg_namespace as n on n.oid = p.pronamespace
where n.nspname <> %(schema)s::text
order by name;


-- name: summary_tables
-- Plain ones were made by somebody else: a migration adopts them as they are.
select c.relname::text as name, c.relkind = 'r' as is_plain
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = %(schema)s::text and c.relname in ('weekly_summary', 'monthly_summary', 'quarterly_summary')
order by c.relname;
