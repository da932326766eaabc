-- Rows that were there before get the metadata of one "adopted" sync. A trigger on weekly_summary would add them to their
-- months again, or recompute the months, so none of ours or of the specification runs meanwhile. Writers wait, readers
-- do not.

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

    for v_type, v_table in select sync_type, target_table from period_type order by step loop
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
        execute format('alter table weekly_summary enable trigger %s', v_trigger);
    end loop;
end
$$;

drop function pg_temp.rollup_triggers;
