-- The roles of the schema, made if the role that migrates may.
--
--   <schema>_owner   migrates: owns tables, views and functions
--   <schema>_writer  syncs: owns the summary tables and what is staged, because only an owner may attach a partition
--   <schema>_reader  reads, and calls what dashboards call
--
-- Each is a group with the rights of the next one. Summary tables that were there before keep their owner, who then
-- migrates and syncs; only the reader is made. 9_rights.sql gives each its rights, and drops the functions of this file.


-- The oid of a role of this schema, if the role that migrates may act as it.
create or replace function pg_temp.own_role(p_kind text) returns oid
language sql
stable
as $$
    select oid from pg_roles where rolname = current_schema() || '_' || p_kind and pg_has_role(oid, 'MEMBER')
$$;


-- Makes a role, and the role that migrates a member of it, if it may.
create or replace function pg_temp.make_role(p_role text) returns void
language plpgsql
as $$
begin
    execute format('create role %1$I; comment on role %1$I is %2$L', p_role, 'SQP Sync: schema ' || current_schema());
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format(
            'grant %I to %I%s', p_role, current_user,
            case when current_setting('server_version_num')::integer >= 160000 then ' with inherit true, set true' end
        );
    end if;
exception
    when insufficient_privilege or duplicate_object or unique_violation then
        null;  -- it may not, or another migration on this server was faster
end
$$;


-- Whose objects are handed over: those of the role that migrates and, in a schema that was renamed since, those of the
-- roles that have its former name.
create or replace function pg_temp.former_owners() returns oid[]
language sql
stable
as $$
    select array_agg(oid)
    from pg_roles
    where
        rolname = current_user
        or (
            rolname in (
                select schema_name || kind
                from schema_state, unnest('{_owner,_writer}'::text[]) as kind
                where schema_name <> current_schema()
            )
            and pg_has_role(oid, 'MEMBER')
        )
$$;


-- The first summary table that somebody else owns, or that was there before: a plain one.
create or replace function pg_temp.table_of_theirs() returns regclass
language sql
stable
as $$
    select c.oid::regclass
    from period_type as t
    join pg_class as c on c.oid = t.target_table::regclass
    where
        c.relkind <> 'p'
        or (
            c.relowner <> all (pg_temp.former_owners())
            and c.relowner is distinct from (select oid from pg_roles where rolname = current_schema() || '_writer')
        )
    order by t.step
    limit 1
$$;


do $$
declare
    v_theirs regclass := pg_temp.table_of_theirs();
    v_kinds text[] := case when v_theirs is null then '{reader,writer,owner}' else '{reader}' end;
    v_role text;
    v_unusable text;
begin
    for v_role in select current_schema() || '_' || kind from unnest(v_kinds) as kind loop
        if to_regrole(v_role) is null then
            perform pg_temp.make_role(v_role);
        end if;
    end loop;
    if v_theirs is not null then
        raise info 'Roles: % keeps its owner, who migrates and syncs.', v_theirs;
    end if;
    select string_agg(current_schema() || '_' || kind, ', ') into v_unusable
    from unnest(v_kinds) as kind
    where pg_temp.own_role(kind) is null;
    if v_unusable is not null then
        raise info 'Roles: % may neither make nor use %; see docs/deployment.md.', current_user, v_unusable;
    end if;
end
$$;
