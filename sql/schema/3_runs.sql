-- Runs: which of them say something about their period, and how the last one went.


-- The runs that count. A dry run publishes nothing, a skipped or superseded run made way for a newer one, or came before
-- its figures, a held one waits for the rest of them, a mistyped trigger has no period, and the row that adoption wrote
-- covers many: none of them says how its period stands.
create or replace view counted_run with (security_invoker = true) as
select
    id, sync_type, sync_status, period_start, period_end, started_at, completed_at,
    error_message, error_details, sync_metadata, dag_id, run_id, attempt, records_processed
from sync_log
where
    not coalesce(sync_metadata @> '{"adopted": true}', false)
    and not coalesce(sync_metadata @> '{"options": {"dry_run": true}}', false)
    and not coalesce(sync_metadata @> '{"outcome": "skipped"}', false)
    and not coalesce(sync_metadata @> '{"outcome": "held"}', false)
    and coalesce(error_details ->> 'type' not in ('Superseded', 'InvalidPeriod', 'InvalidTrigger'), true);

comment on view counted_run is
'The rows of sync_log that say how their period stands: no dry runs, none that made way for a newer run or came before '
'their figures, no mistyped triggers, no adoption.';


-- When was the last sync of a type that counts, how did it finish, when is the next one due?
create or replace function get_latest_sync_status(p_sync_type varchar default 'weekly')
returns table (
    last_sync_time timestamptz,
    last_sync_status varchar(20),
    records_processed integer,
    next_sync_due timestamptz
)
language sql
stable
set search_path from current
as $$
    select
        completed_at,
        sync_status,
        run.records_processed,
        case when sync_status = 'completed' then completed_at + interval '1 day' else current_timestamp end
    from counted_run as run
    where sync_type = p_sync_type
    order by started_at desc, id desc
    limit 1
$$;
