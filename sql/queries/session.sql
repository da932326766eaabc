-- What holds for one transaction. Nothing outlives it, so that behind a pooler nobody inherits anything of ours.


-- name: enter
-- Stands in for whatever the role or the database has set. A temporary object of the session is found last. With the
-- check interval, Postgres releases the locks of a killed task after seconds.
select set_config(name, value, true)
from (
    values
        ('search_path', format('%%I, pg_temp', %(schema)s::text)),
        ('client_encoding', 'UTF8'),
        ('datestyle', 'ISO, MDY'),
        ('intervalstyle', 'postgres'),
        ('timezone', 'UTC'),
        ('standard_conforming_strings', 'on'),
        ('row_security', %(row_security)s::text),  -- off: fail where a policy would hide rows
        ('lock_timeout', %(lock_timeout)s::text),
        ('statement_timeout', '0'),
        ('idle_in_transaction_session_timeout', '0'),
        ('transaction_timeout', '0'),  -- since Postgres 17
        ('client_connection_check_interval', '5s')
) as setting (name, value)
where current_setting(name, true) is not null;


-- name: act_as_writer
-- What a sync creates belongs to the role that owns the summary tables, if that is ours and the login is a member of it.
select set_config('role', owner.rolname, true)
from pg_class as summary
join pg_namespace as n on n.oid = summary.relnamespace
join pg_roles as owner on owner.oid = summary.relowner
where
    n.nspname = %(schema)s
    and summary.relname = 'weekly_summary'
    and owner.rolname = n.nspname || '_writer'
    and pg_has_role(
        owner.oid, case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end
    );


-- name: version
select
    (select max(version_num) from {schema}.alembic_version) as revision,
    (select files from {schema}.schema_state) as files,
    (select schema_name from {schema}.schema_state) as schema_name;


-- name: hidden_rows
-- A table of which this role sees and writes but a part.
select c.relname as name, current_user::text as role
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where
    n.nspname = %(schema)s
    and c.relname in (
        'weekly_summary', 'monthly_summary', 'quarterly_summary', 'sync_log', 'data_quality_checks', 'sync_rejects',
        'synced_period', 'source_period', 'period_version', 'period_change', 'sent_alert', 'period_type', 'schema_state'
    )
    and row_security_active(c.oid)
order by c.relname
limit 1;
