-- Who may do what. This file comes last: it sees every function that the files before it put in force.
--
--   <schema>_owner   migrates: owns tables, views and functions
--   <schema>_writer  syncs: owns the summary tables and what is staged, because only an owner may attach a partition
--   <schema>_reader  reads, and calls what dashboards call
--
-- Each is a group with the rights of the next one. Summary tables that were there before keep their owner, who then
-- migrates and syncs; only the reader is made.


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


-- The tables and views of the schema that are ours, and what the writer may do with each.
create or replace function pg_temp.our_relations() returns table (relation regclass, for_writer text)
language sql
stable
as $$
    select to_regclass(name), for_writer
    from (
        select target_table, 'select, insert, update, delete' from period_type
        union all
        select unnest('{sync_log,data_quality_checks,sync_rejects,synced_period,source_period,sent_alert}'::text[]),
            'select, insert, update, delete'
        union all
        select unnest('{period_type,schema_state}'::text[]), 'select, update'
        union all
        select unnest('{alembic_version,counted_run,period_status,rollup_type}'::text[]), 'select'
    ) as ours (name, for_writer)
    where to_regclass(name) is not null
$$;


-- The functions that this transaction has put in force. Functions of yours in the same schema are not among them.
create or replace function pg_temp.our_functions()
returns table (function regprocedure, owner oid, acl aclitem[], is_trigger boolean, for_readers boolean)
language sql
stable
as $$
    select
        oid::regprocedure,
        proowner,
        coalesce(proacl, acldefault('f', proowner)),
        prorettype = 'trigger'::regtype,
        -- What dashboards and the page call, these functions and period_status in turn, and whoever repeats a check.
        proname = any (
            '{check_data_freshness,table_freshness,newest_period_before,partitions_of,get_latest_sync_status,
            first_day_of,row_hash}'
        )
    from pg_proc
    where pronamespace = current_schema()::regnamespace and xmin::text = pg_current_xact_id()::xid::text
$$;


-- The statements that give each role the rights of the next one, and what it owns. What others own stays theirs.
create or replace function pg_temp.hand_over(p_owner regrole, p_writer regrole, p_reader regrole) returns setof text
language sql
stable
as $$
    select format('grant %s to %s', lower_role, upper_role)
    from (values (p_reader, p_writer), (p_writer, p_owner)) as pair (lower_role, upper_role)
    where not pg_has_role(upper_role, lower_role, 'MEMBER')
    union all
    select format('grant usage, create on schema %s to %s', oid::regnamespace, role)
    from pg_namespace, unnest(array[p_writer, p_owner]) as role
    where
        nspname in (current_schema(), current_schema() || '_staging')
        and not has_schema_privilege(role, oid, 'create')
        and pg_has_role(nspowner, 'USAGE')
    union all
    select format(
        'alter %s %s owner to %s', case c.relkind when 'v' then 'view' else 'table' end, c.oid::regclass, given.role
    )
    from (
        select relation, p_owner from pg_temp.our_relations()
        where relation not in (select target_table::regclass from period_type)
        union all
        select tree.relid, p_writer from period_type as t, pg_partition_tree(t.target_table::regclass) as tree
        union all
        select oid, p_writer from pg_class
        where relnamespace = to_regnamespace(quote_ident(current_schema() || '_staging')) and relkind = 'r'
    ) as given (relation, role)
    join pg_class as c on c.oid = given.relation
    where c.relowner = any (pg_temp.former_owners()) and c.relowner <> given.role
    union all
    -- A trigger's function needs no more than the rights of the writer.
    select format('alter function %s owner to %s', function, case when is_trigger then p_writer else p_owner end)
    from pg_temp.our_functions()
    where owner = any (pg_temp.former_owners())
    union all
    select format('grant %s on %s to %s', for_writer, relation, p_writer)
    from pg_temp.our_relations()
    union all
    select format('grant usage on sequence %s to %s', pg_get_serial_sequence(relation::text, 'id'), p_writer)
    from pg_temp.our_relations()
    where relation::text in ('sync_log', 'data_quality_checks', 'sync_rejects', 'sent_alert')
$$;


-- The statements that let a reader read. The parent's grant is enough for every partition, also for one attached later.
create or replace function pg_temp.let_read(p_reader regrole) returns setof text
language sql
stable
as $$
    select format('grant usage on schema %s to %s', oid::regnamespace, p_reader)
    from pg_namespace
    where
        nspname = current_schema()
        and not has_schema_privilege(p_reader, oid, 'usage')
        and pg_has_role(nspowner, 'USAGE')
    union all
    select format('grant select on %s to %s', relation, p_reader)
    from pg_temp.our_relations()
    join pg_class as c on c.oid = relation
    where pg_has_role(c.relowner, 'USAGE')
$$;


-- The statements that leave the functions to these roles. Whoever was granted the weeks by hand may call what readers
-- call. From any other function all grants go, also those that default privileges have made.
create or replace function pg_temp.close_functions(p_writer regrole, p_reader regrole) returns setof text
language sql
stable
as $$
    select format(
        'revoke all on function %s from %s cascade',
        function, case when held.grantee = 0 then 'public' else held.grantee::regrole::text end
    )
    from pg_temp.our_functions(), aclexplode(acl) as held
    where held.grantee <> owner and (held.grantee = 0 or not for_readers)
    union all
    select format('grant execute on function %s to %s', function, p_writer)
    from pg_temp.our_functions()
    where p_writer is not null and not is_trigger
    union all
    select format('grant execute on function %s to %s', function, p_reader)
    from pg_temp.our_functions()
    where p_reader is not null and for_readers
    union all
    select format('grant execute on function %s to %s', function, held.grantee::regrole)
    from pg_temp.our_functions(), pg_class as weeks, aclexplode(weeks.relacl) as held
    where
        for_readers
        and weeks.oid = 'weekly_summary'::regclass
        and held.privilege_type = 'SELECT'
        and held.grantee not in (0, weeks.relowner, owner)
$$;


-- Executes them, after the query that made them: it reads what they alter.
create or replace function pg_temp.execute_all(p_statements text[]) returns void
language plpgsql
as $$
declare
    v_statement text;
begin
    foreach v_statement in array p_statements loop
        execute v_statement;
    end loop;
end
$$;


do $$
declare
    v_reader regrole := pg_temp.own_role('reader');
    v_writer regrole;
    v_owner regrole;
begin
    if v_reader is not null and pg_temp.own_role('owner') is not null and pg_temp.table_of_theirs() is null then
        v_writer := pg_temp.own_role('writer');
        v_owner := pg_temp.own_role('owner');
    end if;
    if v_writer is not null then
        perform pg_temp.execute_all(array(select pg_temp.hand_over(v_owner, v_writer, v_reader)));
    end if;
    if v_reader is not null then
        perform pg_temp.execute_all(array(select pg_temp.let_read(v_reader)));
    end if;
    perform pg_temp.execute_all(array(select pg_temp.close_functions(v_writer, v_reader)));
end
$$;


drop function
    pg_temp.own_role, pg_temp.make_role, pg_temp.table_of_theirs, pg_temp.our_relations, pg_temp.our_functions,
    pg_temp.hand_over, pg_temp.let_read, pg_temp.close_functions, pg_temp.execute_all;
