-- What the roles of 8_roles.sql own and may do. This file comes last: it sees every function that those before it put in
-- force.


-- The tables and views of the schema that are ours, and what the writer may do with each.
create or replace function pg_temp.our_relations() returns table (relation regclass, for_writer text)
language sql
stable
as $$
    select to_regclass(name), for_writer
    from (
        select target_table, 'select, insert, update, delete' from period_type
        union all
        select 'sync_log', 'select, insert, update, delete, references'
        union all
        select
            unnest(
                '{data_quality_checks,sync_rejects,synced_period,source_period,period_version,period_change,sent_alert}'::text[]
            ),
            'select, insert, update, delete'
        union all
        select unnest('{period_type,schema_state}'::text[]), 'select, update'
        union all
        select unnest('{alembic_version,counted_run,period_status,rollup_type}'::text[]), 'select'
        union all
        select sync_type || '_' || key, 'select' from period_type, unnest('{query,asin}'::text[]) as key
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
            first_day_of,row_hash,expected_by,usual_days,rows_around,lacks_rows,verdict_on,number_of_weeks,day_in_words,
            in_words,of_checks,why_of_verdict,why_of_sum,why_missing,weekly_as_of,monthly_as_of,quarterly_as_of,as_of,
            rows_as_of,columns_as_of,column_gone_since,known_since,version_as_of,row_hash_of,totals_of,summary_figures,rate}'
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
    where relation::text in ('sync_log', 'data_quality_checks', 'sync_rejects', 'period_change', 'sent_alert')
$$;


-- Whether the reader may read it. period_change has the rows of every period, which no policy restricts: where a summary
-- table has row security, it would show what a policy hides.
create or replace function pg_temp.is_for_readers(p_relation regclass) returns boolean
language sql
stable
as $$
    select
        p_relation <> 'period_change'::regclass
        or not exists (
            select from period_type as t
            join pg_class as c on c.oid = t.target_table::regclass
            where c.relrowsecurity
        )
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
    select format(
        case when pg_temp.is_for_readers(relation) then 'grant select on %s to %s' else 'revoke select on %s from %s' end,
        relation, p_reader
    )
    from pg_temp.our_relations()
    join pg_class as c on c.oid = relation
    where pg_has_role(c.relowner, 'USAGE')
$$;


-- The tables and views of figures, which somebody may have granted one by one. The views call functions.
create or replace function pg_temp.figures_relations() returns setof regclass
language sql
stable
as $$
    select target_table::regclass from period_type
    union all
    select to_regclass(sync_type || '_' || key) from period_type, unnest('{query,asin}'::text[]) as key
$$;


-- The statements that leave the functions to these roles. Whoever was granted some figures by hand may call what readers
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
    select distinct format('grant execute on function %s to %s', function, held.grantee::regrole)
    from pg_temp.our_functions(), pg_temp.figures_relations() as relation, pg_class as c, aclexplode(c.relacl) as held
    where
        for_readers
        and c.oid = relation
        and held.privilege_type = 'SELECT'
        and held.grantee not in (0, c.relowner, owner)
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
    pg_temp.is_for_readers, pg_temp.hand_over, pg_temp.let_read, pg_temp.figures_relations, pg_temp.close_functions,
    pg_temp.execute_all;
