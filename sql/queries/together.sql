-- The views over all feeds of one database and one Airflow. Each block that is named like a view reads one feed's own
-- table or view; the blocks of all feeds are joined by "union all". What is cast has the same type and collation in
-- every feed, also in adopted tables, so that the planner reads nothing of a feed that a query excludes. Texts and
-- numerics are cast without a length: no value of an adopted table is cut off or refused. With "where true" each feed is
-- planned by itself; without it, the planner would lock every partition of every feed before it leaves one out.
-- The first six blocks are lists of columns that several views have; the first three are in the lists after them.


-- name: counts
    total_impressions::bigint as total_impressions,
    total_clicks::bigint as total_clicks,
    total_cart_adds::bigint as total_cart_adds,
    total_purchases::bigint as total_purchases,
    market_impressions::bigint as market_impressions,
    market_clicks::bigint as market_clicks,
    market_cart_adds::bigint as market_cart_adds,
    market_purchases::bigint as market_purchases


-- name: shipping_counts
    market_same_day_clicks::bigint as market_same_day_clicks,
    market_one_day_clicks::bigint as market_one_day_clicks,
    market_two_day_clicks::bigint as market_two_day_clicks,
    market_same_day_cart_adds::bigint as market_same_day_cart_adds,
    market_one_day_cart_adds::bigint as market_one_day_cart_adds,
    market_two_day_cart_adds::bigint as market_two_day_cart_adds,
    market_same_day_purchases::bigint as market_same_day_purchases,
    market_one_day_purchases::bigint as market_one_day_purchases,
    market_two_day_purchases::bigint as market_two_day_purchases


-- name: rates
    avg_ctr::numeric as avg_ctr,
    avg_cvr::numeric as avg_cvr,
    impression_share::numeric as impression_share,
    click_share::numeric as click_share,
    cart_add_share::numeric as cart_add_share,
    purchase_share::numeric as purchase_share


-- name: summary
-- What a week, a month and a quarter have in common.
    period_start::date as period_start,
    period_end::date as period_end,
    query::text collate "C" as query,
    asin::text collate "C" as asin,
    {counts},
    query_score::bigint as query_score,
    query_volume::bigint as query_volume,
    {shipping_counts},
    market_click_price::numeric as market_click_price,
    click_price::numeric as click_price,
    market_cart_add_price::numeric as market_cart_add_price,
    cart_add_price::numeric as cart_add_price,
    market_purchase_price::numeric as market_purchase_price,
    purchase_price::numeric as purchase_price,
    currency::text collate "default" as currency,
    {rates},
    bigquery_sync_id::text collate "default" as bigquery_sync_id,
    sync_log_id::bigint as sync_log_id,
    last_synced_at::timestamptz as last_synced_at,
    created_at::timestamptz as created_at,
    updated_at::timestamptz as updated_at


-- name: weekly_summary
select
    {feed}::text as feed,
    {fixed}
    {summary}
from {schema}.weekly_summary
where true


-- name: monthly_summary
select
    {feed}::text as feed,
    {fixed}
    {summary},
    year::integer as year,
    month::integer as month,
    active_weeks::integer as active_weeks
from {schema}.monthly_summary
where true


-- name: quarterly_summary
select
    {feed}::text as feed,
    {fixed}
    {summary},
    year::integer as year,
    quarter::integer as quarter,
    active_weeks::integer as active_weeks
from {schema}.quarterly_summary
where true


-- name: query_sums
-- What the rows of a query have in common in weeks, months and quarters.
    period_start::date as period_start,
    period_end::date as period_end,
    query::text collate "C" as query,
    asins::bigint as asins,
    {counts},
    query_score::bigint as query_score,
    query_volume::bigint as query_volume,
    {shipping_counts},
    market_click_price::numeric as market_click_price,
    market_cart_add_price::numeric as market_cart_add_price,
    market_purchase_price::numeric as market_purchase_price,
    currency::text collate "default" as currency,
    {rates},
    market_disagreements::integer as market_disagreements


-- name: asin_sums
-- The same of an ASIN.
    period_start::date as period_start,
    period_end::date as period_end,
    asin::text collate "C" as asin,
    queries::bigint as queries,
    {counts},
    query_volume::bigint as query_volume,
    {shipping_counts},
    {rates}


-- name: weekly_query
select
    {feed}::text as feed,
    {fixed}
    {query_sums}
from {schema}.weekly_query
where true


-- name: weekly_asin
select
    {feed}::text as feed,
    {fixed}
    {asin_sums}
from {schema}.weekly_asin
where true


-- name: monthly_query
select
    {feed}::text as feed,
    {fixed}
    {query_sums},
    year::integer as year,
    month::integer as month,
    active_weeks::integer as active_weeks
from {schema}.monthly_query
where true


-- name: monthly_asin
select
    {feed}::text as feed,
    {fixed}
    {asin_sums},
    year::integer as year,
    month::integer as month,
    active_weeks::integer as active_weeks
from {schema}.monthly_asin
where true


-- name: quarterly_query
select
    {feed}::text as feed,
    {fixed}
    {query_sums},
    year::integer as year,
    quarter::integer as quarter,
    active_weeks::integer as active_weeks
from {schema}.quarterly_query
where true


-- name: quarterly_asin
select
    {feed}::text as feed,
    {fixed}
    {asin_sums},
    year::integer as year,
    quarter::integer as quarter,
    active_weeks::integer as active_weeks
from {schema}.quarterly_asin
where true


-- name: period_status
select
    {feed}::text as feed,
    {fixed}
    sync_type::text collate "default" as sync_type,
    period_start::date as period_start,
    period_end::date as period_end,
    status::text collate "default" as status,
    state::text collate "default" as state,
    row_count::bigint as row_count,
    published_at::timestamptz as published_at,
    sync_log_id::bigint as sync_log_id,
    last_sync_log_id::bigint as last_sync_log_id,
    last_status::text collate "default" as last_status,
    last_error::text collate "default" as last_error,
    last_finished_at::timestamptz as last_finished_at,
    source_row_count::bigint as source_row_count,
    source_seen_at::timestamptz as source_seen_at,
    cause::text collate "default" as cause,
    verdict::text collate "default" as verdict,
    coverage::numeric as coverage,
    asins_found::integer as asins_found,
    asins_expected::integer as asins_expected,
    expected_by::date as expected_by,
    weeks_published::integer as weeks_published,
    weeks_total::integer as weeks_total,
    trusted::boolean as trusted,
    why::text collate "default" as why
from {schema}.period_status


-- name: sync_log
select
    {feed}::text as feed,
    {fixed}
    id::bigint as id,
    sync_type::text collate "default" as sync_type,
    sync_status::text collate "default" as sync_status,
    started_at::timestamptz as started_at,
    completed_at::timestamptz as completed_at,
    source_table::text collate "default" as source_table,
    target_table::text collate "default" as target_table,
    period_start::date as period_start,
    period_end::date as period_end,
    records_processed::integer as records_processed,
    records_inserted::integer as records_inserted,
    records_updated::integer as records_updated,
    records_failed::integer as records_failed,
    error_message::text collate "default" as error_message,
    error_details::jsonb as error_details,
    sync_metadata::jsonb as sync_metadata,
    created_at::timestamptz as created_at,
    dag_id::text collate "default" as dag_id,
    run_id::text collate "default" as run_id,
    attempt::integer as attempt
from {schema}.sync_log
where true


-- name: data_quality_checks
select
    {feed}::text as feed,
    {fixed}
    id::bigint as id,
    sync_log_id::bigint as sync_log_id,
    check_type::text collate "default" as check_type,
    check_status::text collate "default" as check_status,
    source_value::numeric as source_value,
    target_value::numeric as target_value,
    difference::numeric as difference,
    difference_pct::numeric as difference_pct,
    table_name::text collate "default" as table_name,
    column_name::text collate "default" as column_name,
    check_query::text collate "default" as check_query,
    check_message::text collate "default" as check_message,
    check_metadata::jsonb as check_metadata,
    created_at::timestamptz as created_at,
    attempt::integer as attempt
from {schema}.data_quality_checks
where true


-- name: may_identify
select has_function_privilege('pg_control_system()', 'execute') as may_identify;


-- name: identity
-- Which database this is, whatever the address by which it was reached. A standby has the same identity.
select format('%s/%s', system_identifier, (select oid from pg_database where datname = current_database())) as identity
from pg_control_system();


-- name: identity_by_start
-- The same for a login that may not ask for the system identifier.
select format('%s/%s', pg_postmaster_start_time(), oid) as identity
from pg_database
where datname = current_database();


-- name: schemas
-- The schemas of this database that were migrated and that this login may read. Of a schema only tables are read: a view
-- would run its maker's functions with the rights of the role that migrates.
select n.nspname as schema
from pg_namespace as n
join pg_class as state on state.relnamespace = n.oid and state.relname = 'schema_state' and state.relkind = 'r'
join pg_class as version on version.relnamespace = n.oid and version.relname = 'alembic_version'
where
    version.relkind = 'r'
    and has_schema_privilege(n.oid, 'usage')
    and has_table_privilege(state.oid, 'select')
    and has_table_privilege(version.oid, 'select')
    and 4 = (
        select count(*) from pg_attribute
        where attrelid = state.oid and attname in ('files', 'schema_name', 'airflow', 'feed') and not attisdropped
    )
order by n.nspname;


-- name: state
select
    {schema_name}::text as schema,
    (select max(version_num) from {schema}.alembic_version)::text as revision,
    state.files,
    state.schema_name,
    state.airflow,
    state.feed
from {schema}.schema_state as state


-- name: in_force
-- The schema of the views, if it is there. Definitions are compared as Postgres stores them: that reads no table.
select
    obj_description(n.oid, 'pg_namespace') as mark,
    not exists (
        select from pg_depend
        where refclassid = 'pg_namespace'::regclass and refobjid = n.oid and deptype = 'n'
    ) as is_empty,
    (
        select md5(string_agg(concat(c.relname, c.reloptions, r.ev_action), '' order by c.relname))
        from pg_class as c
        join pg_rewrite as r on r.ev_class = c.oid
        where c.relnamespace = n.oid and c.relkind = 'v' and c.relname = any (%(views)s)
    ) as definitions,
    array(
        select c.relname::text
        from pg_class as c
        where c.relnamespace = n.oid and c.relkind = 'v' and c.relname = any (%(views)s)
    ) as views
from pg_namespace as n
where n.nspname = %(schema)s;


-- name: shown
-- A view that reads a table of a feed's schema.
select v.relname
from pg_class as v
join pg_namespace as n on n.oid = v.relnamespace
join pg_rewrite as r on r.ev_class = v.oid
join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
join pg_class as read on read.oid = d.refobjid
where
    n.nspname = %(schema)s
    and v.relname = any (%(views)s)
    and read.relnamespace = (select oid from pg_namespace where nspname = %(of)s)
limit 1;


-- name: dependents
-- What others have made over the views.
select distinct case
    when other.oid is null then pg_describe_object(d.classid, d.objid, 0)
    else pg_describe_object('pg_class'::regclass, other.oid, 0)
end as name
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_depend as d
    on d.deptype = 'n'
    and (
        (d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid)
        or (d.refclassid = 'pg_type'::regclass and d.refobjid = c.reltype)
    )
left join pg_rewrite as r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
left join pg_class as other on other.oid = r.ev_class
where
    n.nspname = %(schema)s
    and c.relname = any (%(views)s)
    and not coalesce(other.relnamespace = n.oid and other.relname = any (%(views)s), false)
order by name;


-- name: grants
-- The statements that give the views' readers back what they had.
select format(
    'grant %%s on %%s to %%s%%s',
    held.privilege_type,
    c.oid::regclass,
    case held.grantee when 0 then 'public' else held.grantee::regrole::text end,
    case when held.is_grantable then ' with grant option' end
) as statement
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
cross join aclexplode(c.relacl) as held
where n.nspname = %(schema)s and c.relname = any (%(views)s) and held.grantee <> c.relowner;


-- name: let_read
-- The role that reads all feeds, if the role that migrates may make it: a member of each feed's own reader.
do $$
declare
    v_role text := {role};
    v_readers text[] := {readers};
    v_statement text;
    v_refused text;
begin
    if to_regrole(v_role) is null then
        begin
            execute format('create role %1$I; comment on role %1$I is %2$L', v_role, 'SQP Sync: schema ' || current_schema());
            if not (select rolsuper from pg_roles where rolname = current_user) then
                execute format(
                    'grant %I to %I%s', v_role, current_user,
                    case when current_setting('server_version_num')::integer >= 160000 then ' with inherit true, set true' end
                );
            end if;
        exception
            when insufficient_privilege or duplicate_object or unique_violation then
                null;  -- it may not, or another migration on this server was faster
        end;
    end if;
    if to_regrole(v_role) is null or not pg_has_role(v_role, 'MEMBER') then
        raise info 'Roles: % may neither make nor use %; see docs/deployment.md.', current_user, v_role;
        return;
    end if;
    for v_statement in
        select format('grant usage on schema %I to %I', current_schema(), v_role)
        where not has_schema_privilege(v_role, current_schema(), 'usage')
        union all
        select format('grant select on %s to %I', oid::regclass, v_role)
        from pg_class
        where
            relnamespace = current_schema()::regnamespace
            and relname = any ({views})
            and not has_table_privilege(v_role, oid, 'select')
        union all
        select format('grant %I to %I', reader, v_role)
        from unnest(v_readers) as reader
        where to_regrole(reader) is not null and not pg_has_role(v_role, reader, 'MEMBER')
        union all
        -- of a feed whose rows the views no longer have; other databases of this server have feeds of their own, which
        -- may have the same names
        select format('revoke %I from %I', reader.rolname, v_role)
        from pg_auth_members as member
        join pg_roles as reader on reader.oid = member.roleid
        join pg_namespace as n on n.nspname || '_reader' = reader.rolname
        where
            member.member = to_regrole(v_role)
            and reader.rolname <> all (v_readers)
            and not exists (
                select
                from pg_shdepend as of_feed
                join pg_shdepend as of_all on of_all.dbid = of_feed.dbid
                join pg_database as another on another.oid = of_feed.dbid and another.datname <> current_database()
                where
                    (of_feed.refclassid, of_feed.refobjid) = ('pg_authid'::regclass, reader.oid)
                    and (of_all.refclassid, of_all.refobjid) = ('pg_authid'::regclass, member.member)
            )
    loop
        begin
            execute v_statement;
        exception
            when insufficient_privilege then
                v_refused := concat_ws('; ', v_refused, v_statement);
        end;
    end loop;
    if v_refused is not null then
        raise info 'Roles: % may not run: %. Somebody who may has to.', current_user, v_refused;
    end if;
end
$$;
