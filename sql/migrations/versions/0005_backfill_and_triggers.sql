-- Step 4 of the migration: rows that were there before get the metadata of one "adopted" sync. An adding trigger
-- would double their months, so it is taken off before; the recomputing one would replace the owner's months, so it
-- is put on after. One transaction, writers wait, readers do not until the very end.

lock table weekly_summary in share row exclusive mode;

create or replace function pg_temp.rollup_triggers() returns setof text
language sql
as $$
    select quote_ident(tgname) from pg_trigger
    where tgrelid = 'weekly_summary'::regclass
        and tgfoid = to_regproc('update_aggregate_summaries')
        and not tgisinternal
$$;


do $$
declare
    v_trigger text;
    v_type text;
    v_table text;
    v_old_rows text;
    v_rows bigint;
    v_first date;
    v_last date;
    v_log bigint;
begin
    for v_trigger in select pg_temp.rollup_triggers() loop
        execute format('alter table weekly_summary disable trigger %s', v_trigger);
    end loop;

    foreach v_type in array array['weekly', 'monthly', 'quarterly'] loop
        v_table := v_type || '_summary';
        -- Rows our own rollup has derived carry no sync either; they are not old.
        v_old_rows := format(
            'last_synced_at is null and not exists (
                select from synced_period as ledger
                where ledger.sync_type = %L and ledger.period_start = %I.period_start
            )',
            v_type, v_table
        );
        execute format('select count(*), min(period_start), max(period_end) from %I where %s', v_table, v_old_rows)
        into v_rows, v_first, v_last;
        continue when v_rows = 0;

        raise info 'Marking % rows of % as adopted', v_rows, v_table;
        insert into sync_log (
            sync_type, sync_status, completed_at, source_table, target_table, period_start, period_end,
            records_processed, sync_metadata
        )
        values (
            v_type, 'completed', current_timestamp, 'adopted', v_table, v_first, v_last,
            least(v_rows, 2147483647), '{"adopted": true}'
        )
        returning id into v_log;
        execute format(
            'update %I
            set sync_log_id = coalesce(sync_log_id, $1),
                bigquery_sync_id = coalesce(bigquery_sync_id, ''adopted''),
                last_synced_at = coalesce(updated_at, created_at, current_timestamp)
            where %s',
            v_table, v_old_rows
        ) using v_log;
    end loop;

    for v_trigger in select pg_temp.rollup_triggers() loop
        execute format('drop trigger %s on weekly_summary', v_trigger);
    end loop;
end
$$;

drop function pg_temp.rollup_triggers;


-- weekly_summary was emptied: what was derived from it goes too, what was published by its own sync stays.
create or replace function delete_derived() returns void
language plpgsql
set search_path from current
as $$
declare
    v_type text;
    v_first date;
begin
    for v_type, v_first in
        select sync_type, period_start from synced_period
        where sync_type in ('monthly', 'quarterly') and state = 'derived'
        order by sync_type, period_start
    loop
        perform lock_period(v_type, v_first);
        delete from synced_period where sync_type = v_type and period_start = v_first and state = 'derived';
        if found then
            execute format('delete from %I where period_start = %L', v_type || '_summary', v_first);
        end if;
    end loop;
end
$$;


-- Keeps months and quarters equal to the weeks: once per statement, in any order, any number of times. Runs with
-- its owner's rights, because whoever may insert a week need not be allowed to write the ledger.
create or replace function update_aggregate_summaries() returns trigger
language plpgsql
security definer
set search_path from current
as $$
declare
    v_touched text := case tg_op
        when 'INSERT' then 'select period_start, query, asin from new_rows'
        when 'DELETE' then 'select period_start, query, asin from old_rows'
        when 'UPDATE' then
            'select period_start, query, asin from old_rows union select period_start, query, asin from new_rows'
    end;
    v_weeks date[];
    v_statement text;
begin
    if tg_op = 'TRUNCATE' then
        perform delete_derived();
        update synced_period set fingerprint = null where sync_type = 'weekly' and fingerprint is not null;
        return null;
    end if;
    execute format('select array_agg(distinct period_start) from (%s) as touched', v_touched) into v_weeks;
    for v_statement in select rollup_statements(v_weeks, v_touched, array['weekly_summary'::regclass]) loop
        execute v_statement;
    end loop;
    -- Whoever wrote, the week is no longer known to be what was published; a publish says so anew afterwards.
    update synced_period set fingerprint = null
    where sync_type = 'weekly' and period_start = any (v_weeks) and fingerprint is not null;
    return null;
end
$$;


create trigger update_summaries_on_weekly_insert
    after insert on weekly_summary
    referencing new table as new_rows
    for each statement
    execute function update_aggregate_summaries();

create trigger update_summaries_on_weekly_update
    after update on weekly_summary
    referencing old table as old_rows new table as new_rows
    for each statement
    execute function update_aggregate_summaries();

create trigger update_summaries_on_weekly_delete
    after delete on weekly_summary
    referencing old table as old_rows
    for each statement
    execute function update_aggregate_summaries();

create trigger update_summaries_on_weekly_truncate
    after truncate on weekly_summary
    for each statement
    execute function update_aggregate_summaries();
