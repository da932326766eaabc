-- What is in the schema already, for core/adoption.py to judge before a migration writes anything.


-- name: migrated
-- A row if a migration has been here before.
select from pg_tables
where schemaname = %(schema)s and tablename = 'schema_state';


-- name: tables
-- Tables with the name of one of ours that may be there before us.
select
    c.relname::text as name,
    c.relkind::text as kind,
    pg_get_partkeydef(c.oid) as partition_key,
    pg_has_role(c.relowner, 'usage') as is_ours_to_change,
    pg_get_userbyid(c.relowner)::text as owner
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where
    n.nspname = %(schema)s
    and c.relname in ('weekly_summary', 'monthly_summary', 'quarterly_summary', 'sync_log', 'data_quality_checks')
order by c.relname;


-- name: columns
select
    c.relname::text as table_name,
    a.attname::text as name,
    format_type(coalesce(nullif(t.typbasetype, 0), t.oid), null) as type,
    a.attnotnull or t.typnotnull as is_not_null,
    a.atthasdef or a.attidentity <> '' or t.typdefault is not null as is_filled,
    a.attgenerated <> '' as is_generated,
    coalesce(l.collisdeterministic, true) as takes_bytes_apart
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type as t on t.oid = a.atttypid
left join pg_collation as l on l.oid = a.attcollation
where n.nspname = %(schema)s and c.relname in ('weekly_summary', 'monthly_summary', 'quarterly_summary')
order by c.relname, a.attnum;


-- name: keys
-- Of an index over expressions or over some of the rows nobody can say which rows it keeps apart.
select
    c.relname::text as table_name,
    i.relname::text as name,
    case
        when x.indpred is null and x.indexprs is null
            then array(
                select a.attname::text
                from unnest(x.indkey::smallint[]) with ordinality as k (attnum, position)
                join pg_attribute as a on a.attrelid = c.oid and a.attnum = k.attnum
                where k.position <= x.indnkeyatts
                order by k.position
            )
    end as columns,
    x.indnullsnotdistinct as takes_nulls_as_equal
from pg_index as x
join pg_class as i on i.oid = x.indexrelid
join pg_class as c on c.oid = x.indrelid
join pg_namespace as n on n.oid = c.relnamespace
where
    n.nspname = %(schema)s
    and c.relname in ('weekly_summary', 'monthly_summary', 'quarterly_summary')
    and x.indisunique
order by c.relname, i.relname;


-- name: names_taken
-- Before the first migration: tables and views that have a name which ours will need.
select
    c.relname::text as name,
    'has a name that the sync needs for an object of its own' as found,
    'Rename it, or choose another schema.' as remedy
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = %(schema)s and c.relname = any (%(relations)s)
order by c.relname;


-- name: functions
-- Before the first migration: functions that have the name of one of ours.
select
    p.proname::text as name,
    pg_get_function_result(p.oid) as result,
    pg_has_role(p.proowner, 'usage') as is_ours_to_change,
    pg_get_userbyid(p.proowner)::text as owner
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
where n.nspname = %(schema)s and p.proname = any (%(functions)s)
order by p.proname;


-- name: open_schema
-- A function or operator that anybody puts there may be found instead of Postgres' own.
select
    '*' as name,
    'may be created by everybody, and our functions could call it with the rights of their owner' as found,
    format('Run revoke create on schema %%I from public.', n.nspname) as remedy
from pg_namespace as n
cross join aclexplode(n.nspacl) as held
where n.nspname = %(schema)s and held.grantee = 0 and held.privilege_type = 'CREATE';


-- name: forced
-- Tables of which the role that will sync sees but a part, although it owns them.
select
    c.relname::text as name,
    format('has forced row security, which applies to %%s too', syncing.rolname) as found,
    format('Run alter table %%s no force row level security, or alter role %%s bypassrls.', c.oid::regclass, syncing.rolname)
    as remedy
from pg_class as c
join pg_roles as owner on owner.oid = c.relowner
join pg_roles as syncing
    on syncing.rolname = case when owner.rolname = %(schema)s || '_writer' then owner.rolname else current_user end
where
    c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
    and c.relname in ('weekly_summary', 'monthly_summary', 'quarterly_summary', 'sync_log', 'data_quality_checks')
    and c.relrowsecurity
    and c.relforcerowsecurity
    and not (syncing.rolsuper or syncing.rolbypassrls)
order by c.relname;


-- name: publications
-- Tables whose updates or deletes a publication refuses, because replicas could not find the row.
select
    p.tablename::text as name,
    format('is in publication %%s, which %%s', p.pubname, refused.reason) as found,
    'Give the table a replica identity that the publication has (alter table … replica identity …), '
    'or publish inserts only.' as remedy
from pg_publication_tables as p
join pg_publication as publication on publication.pubname = p.pubname
join pg_class as c on c.oid = format('%%I.%%I', p.schemaname, p.tablename)::regclass
left join pg_index as identity
    on identity.indrelid = c.oid
    and case c.relreplident when 'd' then identity.indisprimary when 'i' then identity.indisreplident end
cross join lateral (
    select case
        when c.relreplident <> 'f' and identity.indexrelid is null
            then 'publishes updates or deletes of a table without replica identity'
        when exists (
            select from pg_attribute as a
            where
                a.attrelid = c.oid
                and a.attnum > 0
                and not a.attisdropped
                and (c.relreplident = 'f' or a.attnum = any (identity.indkey::smallint[]))
                and not a.attname = any (p.attnames)
        )
            then 'leaves out a column by which replicas find a row'
    end as reason
) as refused
where
    p.schemaname = %(schema)s
    and p.tablename in ('weekly_summary', 'monthly_summary', 'quarterly_summary', 'sync_log')
    and (publication.pubupdate or publication.pubdelete)
    and refused.reason is not null
order by p.tablename, p.pubname;
