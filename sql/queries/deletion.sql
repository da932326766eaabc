-- What deleting a feed deletes: two schemas, their roles, its rows in the views over all feeds.


-- name: tables
-- Our tables with all their partitions, and what is staged.
select n.nspname as schema, c.relname as name, sum(pg_total_relation_size(coalesce(tree.relid, c.oid)))::bigint as bytes
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
left join lateral pg_partition_tree(c.oid) as tree on true
where
    (n.nspname = %(schema)s and c.relkind in ('r', 'p') and c.relname = any (%(relations)s))
    or (n.nspname = %(staging)s and c.relkind = 'r' and c.relname ~ '_summary_[0-9]{8}_')
group by n.nspname, c.relname
order by n.nspname, c.relname;


-- name: rows
select count(*) as rows from {table};


-- name: periods
select sync_type, count(*) as periods, min(period_start) as first, max(period_start) as last
from {schema}.synced_period
where state <> 'deleted'
group by sync_type
order by min(period_end - period_start);


-- name: running
-- Runs that have begun so lately that they may still work.
select id, sync_type, period_start, started_at
from {schema}.sync_log
where sync_status = 'started' and started_at > clock_timestamp() - %(stale_after)s
order by id;


-- name: roles
select role.rolname as name, array_remove(array_agg(member.rolname::text order by member.rolname), null) as members
from pg_roles as role
left join pg_auth_members as m on m.roleid = role.oid
left join pg_roles as member on member.oid = m.member and member.rolname <> all (%(roles)s)
where
    role.rolname = any (%(roles)s)
    and shobj_description(role.oid, 'pg_authid') = 'SQP Sync: schema ' || %(schema)s::text
group by role.rolname
order by role.rolname;


-- name: lock
lock table {schema}.sync_log in access exclusive mode;


-- name: others
-- What somebody else has in our schemas, or has made over what is ours anywhere.
with recursive ours (classid, objid) as (
    select 'pg_class'::regclass::oid, c.oid
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where
        (n.nspname = %(schema)s and c.relname = any (%(relations)s))
        or (n.nspname = %(staging)s and c.relkind = 'r' and c.relname ~ '_summary_[0-9]{8}_')
        or (n.nspname = %(together)s and c.relkind = 'v' and c.relname = any (%(views)s))
    union
    select 'pg_proc'::regclass, p.oid
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = %(schema)s and p.proname = any (%(functions)s)
    union
    -- what goes with it: partitions, sequences of its columns, its row type
    select d.classid, d.objid
    from ours
    join pg_depend as d on d.refclassid = ours.classid and d.refobjid = ours.objid and d.deptype in ('a', 'i', 'P', 'S')
)

select distinct pg_describe_object(
    case when d.classid = 'pg_rewrite'::regclass then 'pg_class'::regclass else d.classid end,
    coalesce(r.ev_class, d.objid),
    0
) as name
from pg_depend as d
left join pg_rewrite as r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
where
    d.deptype = 'n'
    and (
        (d.refclassid, d.refobjid) in (select classid, objid from ours)
        or (
            d.refclassid = 'pg_namespace'::regclass
            and d.refobjid in (select oid from pg_namespace where nspname in (%(schema)s, %(staging)s))
        )
    )
    and (d.classid, d.objid) not in (select classid, objid from ours)
    and coalesce(('pg_class'::regclass::oid, r.ev_class) not in (select classid, objid from ours), true)
order by name;


-- name: drops
-- The statements that drop what is ours, in an order in which each finds nothing that depends on it.
with relation as (
    select c.oid, c.oid::regclass as name, c.relname, c.relkind
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where
        (n.nspname = %(schema)s and c.relname = any (%(relations)s))
        or (n.nspname = %(staging)s and c.relkind = 'r' and c.relname ~ '_summary_[0-9]{8}_')
),

routine as (
    select p.oid, p.oid::regprocedure as name
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = %(schema)s and p.proname = any (%(functions)s)
),

step (number, statement) as (
    select 1, 'drop view ' || string_agg(name::text, ', ')
    from relation
    where relkind = 'v' and relname <> 'rollup_type'  -- functions have its row type
    union all
    select 2, string_agg(format('drop trigger %%I on %%s', t.tgname, t.tgrelid::regclass), '; ')
    from pg_trigger as t
    join relation on relation.oid = t.tgrelid
    where not t.tgisinternal and t.tgparentid = 0 and t.tgfoid in (select oid from routine)
    union all
    select 3, 'drop function ' || string_agg(name::text, ', ') from routine
    union all
    select 4, 'drop view ' || string_agg(name::text, ', ') from relation where relname = 'rollup_type'
    union all
    select 5, 'drop table ' || string_agg(name::text, ', ') from relation where relkind in ('r', 'p')
    union all
    select 6, 'drop schema ' || string_agg(quote_ident(nspname), ', ')
    from pg_namespace
    where nspname in (%(schema)s, %(staging)s)
)

select statement from step where statement is not null order by number;
