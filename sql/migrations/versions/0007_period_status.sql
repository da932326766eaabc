-- What the source was seen to hold, and one row for each period that says how it stands.

create table if not exists source_period (
    sync_type varchar(50) not null,
    period_start date not null,
    period_end date not null,
    fingerprint text,                    -- null where the source had no row at all
    row_count bigint not null,
    reject_count bigint not null,
    seen_at timestamptz not null,        -- before the source was asked, so that it is never later than what it tells
    primary key (sync_type, period_start)
);

comment on table source_period is
'What the look for restatements last saw at the source; synced_period tells what is published.';


-- The steps of the view:
--   logged     the periods of sync_log, from index entry to index entry: a thousand runs cost no more than one
--   known      the same without the row that adoption wrote, which covers many periods; ledger and source added
--   period     every calendar period from the oldest known one to the newest that has ended, and any known one outside
--   run        runs without adoption's row and dry runs, which publish nothing and so say nothing here
create or replace view period_status as
with recursive calendar (sync_type, unit, step) as (
    values
        ('weekly', 'week', interval '7 days'),
        ('monthly', 'month', interval '1 month'),
        ('quarterly', 'quarter', interval '3 months')
),

logged (sync_type, period_start) as (
    select calendar.sync_type, oldest.period_start
    from calendar
    cross join lateral (
        select min(period_start) as period_start from sync_log where sync_type = calendar.sync_type
    ) as oldest
    union all
    select logged.sync_type, later.period_start
    from logged
    cross join lateral (
        select min(period_start) as period_start
        from sync_log
        where sync_type = logged.sync_type and period_start > logged.period_start
    ) as later
    where logged.period_start is not null
),

known (sync_type, period_start) as (
    select logged.sync_type, logged.period_start
    from logged
    where exists (
        select from sync_log as s
        where
            s.sync_type = logged.sync_type
            and s.period_start = logged.period_start
            and not coalesce(s.sync_metadata @> '{"adopted": true}', false)
    )
    union
    select sync_type, period_start from synced_period
    union
    select sync_type, period_start from source_period
),

period (sync_type, period_start, period_end) as (
    select day.sync_type, day.period_start, (day.period_start + calendar.step)::date - 1
    from (
        select calendar.sync_type, series::date as period_start
        from calendar
        cross join lateral (
            select min(period_start) as period_start
            from known
            where sync_type = calendar.sync_type and isfinite(period_start)
        ) as oldest
        cross join lateral generate_series(
            case calendar.unit
                when 'week' then oldest.period_start - extract(dow from oldest.period_start)::integer
                else date_trunc(calendar.unit, oldest.period_start::timestamp)
            end,
            current_date - calendar.step,
            calendar.step
        ) as series
        union
        select sync_type, period_start from known where isfinite(period_start)
    ) as day
    join calendar on calendar.sync_type = day.sync_type
),

open_run (sync_type, period_start) as (
    select distinct sync_type, period_start
    from sync_log
    where sync_status = 'started' and not coalesce(sync_metadata @> '{"options": {"dry_run": true}}', false)
)

select
    period.sync_type::text as sync_type,
    period.period_start,
    coalesce(ledger.period_end, period.period_end) as period_end,
    case
        when open_run.sync_type is not null then 'running'
        when
            ended.is_failed
            -- a run that published and only failed to say so has not failed its period
            and (ended.id, ended.attempt) is distinct from (ledger.sync_log_id, ledger.attempt)
            then 'failed'
        when
            ledger.state = 'synced'
            and (
                ledger.fingerprint is null
                or (
                    seen.fingerprint is distinct from ledger.fingerprint
                    and coalesce(seen.seen_at > ledger.snapshot_at, seen.seen_at is not null)
                    and (seen.row_count, ledger.row_count) is distinct from (0, 0)
                )
            )
            then 'restated'
        else coalesce(ledger.state, 'missing')
    end as status,
    ledger.state,
    ledger.row_count,
    ledger.published_at,
    ledger.sync_log_id,
    last.id as last_sync_log_id,
    last.sync_status::text as last_status,
    last.error_message as last_error,
    last.completed_at as last_finished_at,
    seen.row_count as source_row_count,
    seen.seen_at as source_seen_at
from period
left join synced_period as ledger
    on ledger.sync_type = period.sync_type and ledger.period_start = period.period_start
left join source_period as seen
    on seen.sync_type = period.sync_type and seen.period_start = period.period_start
left join open_run
    on open_run.sync_type = period.sync_type and open_run.period_start = period.period_start
left join lateral (
    select run.id, run.sync_status, run.error_message, run.completed_at
    from sync_log as run
    where
        run.sync_type = period.sync_type
        and run.period_start = period.period_start
        and not coalesce(run.sync_metadata @> '{"adopted": true}', false)
        and not coalesce(run.sync_metadata @> '{"options": {"dry_run": true}}', false)
    order by run.started_at desc, run.id desc
    limit 1
) as last on true
left join lateral (
    select
        run.id,
        run.attempt,
        run.sync_status = 'failed' and not exists (
            select from sync_log as since
            where
                since.sync_type = period.sync_type
                and since.period_start = period.period_start
                and since.sync_status = 'completed'
                and since.completed_at > coalesce(run.completed_at, run.started_at)
                and not coalesce(since.sync_metadata @> '{"options": {"dry_run": true}}', false)
        ) as is_failed
    from sync_log as run
    where
        run.sync_type = period.sync_type
        and run.period_start = period.period_start
        and run.sync_status in ('completed', 'failed')
        and not coalesce(run.sync_metadata @> '{"adopted": true}', false)
        and not coalesce(run.sync_metadata @> '{"options": {"dry_run": true}}', false)
    order by run.started_at desc, run.id desc
    limit 1
) as ended on true;

comment on view period_status is
'One row for each sync type and period from the oldest known to the newest that has ended: how it stands, which run '
'published it, how its last run went, what the source was last seen to hold. Dry runs do not count.';
comment on column period_status.status is
'running: a run is at work; failed: the newest run that ended failed; restated: published, but the source differs or '
'somebody else wrote; synced: published by its own sync; derived: made of weeks; missing: not published.';
comment on column period_status.state is 'What the ledger synced_period says: synced, derived, or null for nothing.';
comment on column period_status.row_count is 'Rows when it was published; null for derived.';
comment on column period_status.published_at is 'When it was last published or derived.';
comment on column period_status.sync_log_id is 'The run that published it.';
comment on column period_status.last_sync_log_id is 'The run of it that started last, published or not.';
comment on column period_status.last_status is 'Of that run: started, completed or failed.';
comment on column period_status.last_error is 'Why that run failed, and what to do.';
comment on column period_status.last_finished_at is 'When that run ended; null while it is at work.';
comment on column period_status.source_row_count is 'Rows the look for restatements last saw; null: not looked at.';
comment on column period_status.source_seen_at is 'When it looked.';


-- Whoever wrote, the month or quarter is no longer known to be what was published; a publish says so anew afterwards.
-- Weeks have the same from update_aggregate_summaries. A derived period has no fingerprint to lose.
create or replace function forget_fingerprint() returns trigger
language plpgsql
security definer
set search_path from current
as $$
declare
    v_type text := tg_argv[0];
    v_touched text := case tg_op
        when 'INSERT' then 'select period_start from new_rows'
        when 'DELETE' then 'select period_start from old_rows'
        when 'UPDATE' then 'select period_start from old_rows union all select period_start from new_rows'
        when 'TRUNCATE' then format('select period_start from synced_period where sync_type = %L', v_type)
    end;
begin
    if not exists (select from synced_period where sync_type = v_type and fingerprint is not null) then
        return null;
    end if;
    execute format(
        'update synced_period set fingerprint = null
        where sync_type = %L and fingerprint is not null and period_start in (%s)',
        v_type, v_touched
    );
    return null;
end
$$;


do $$
declare
    v_type text;
    v_event text;
    v_rows text;
begin
    foreach v_type in array array['monthly', 'quarterly'] loop
        for v_event, v_rows in
            values
                ('insert', 'referencing new table as new_rows'),
                ('update', 'referencing old table as old_rows new table as new_rows'),
                ('delete', 'referencing old table as old_rows'),
                ('truncate', '')
        loop
            execute format(
                'create or replace trigger %I after %s on %I %s for each statement execute function forget_fingerprint(%L)',
                'forget_fingerprint_on_' || v_event, v_event, v_type || '_summary', v_rows, v_type
            );
        end loop;
    end loop;
end
$$;


create or replace function pg_temp.is_left_invalid(p_index text) returns boolean
language sql
as $$
    select exists (select from pg_index where indexrelid = to_regclass(p_index) and not indisvalid)
$$;


-- outside a transaction, when pg_temp.is_left_invalid('sync_log_sync_type_period_start_started_at_idx')
drop index concurrently sync_log_sync_type_period_start_started_at_idx;

-- outside a transaction, when true
create index concurrently if not exists sync_log_sync_type_period_start_started_at_idx
on sync_log (sync_type, period_start, started_at desc);
