-- Periods that have rows before the first sync are written into the ledger as adopted, and rows without metadata get those
-- of one "adopted" sync. Triggers do not run meanwhile: the specification's would add the weeks to their months again,
-- and one that keeps updated_at would lose when a row was last changed. Writers wait, readers do not.

lock table weekly_summary, monthly_summary, quarterly_summary in share row exclusive mode;

create temporary table adopted_period (
    sync_type text,
    period_start date,
    period_end date,
    row_count bigint,
    sync_log_id bigint
) on commit drop;

create temporary table paused_trigger on commit drop as
select tgrelid::regclass as on_table, tgname, tgenabled
from pg_trigger
where
    tgrelid in ('weekly_summary'::regclass, 'monthly_summary'::regclass, 'quarterly_summary'::regclass)
    and not tgisinternal
    and tgenabled <> 'D';


do $$
declare
    v_type period_type;
    v_log bigint;
    v_trigger paused_trigger;
begin
    for v_trigger in select * from paused_trigger loop
        execute format('alter table %s disable trigger %I', v_trigger.on_table, v_trigger.tgname);
    end loop;

    for v_type in select * from period_type order by step loop
        -- On whatever day they begin: a Monday week has rows to mark, too.
        execute format(
            'insert into adopted_period (sync_type, period_start, period_end, row_count)
            select %1$L, period_start, max(period_end), count(*) from %2$I
            where not exists (
                select from synced_period as ledger
                where ledger.sync_type = %1$L and ledger.period_start = %2$I.period_start
            )
            group by period_start',
            v_type.sync_type, v_type.target_table
        );
        continue when not exists (select from adopted_period where sync_type = v_type.sync_type);

        insert into sync_log (
            sync_type, sync_status, completed_at, source_table, target_table, period_start, period_end,
            records_processed, sync_metadata
        )
        select
            sync_type, 'completed', current_timestamp, 'adopted', v_type.target_table, min(period_start), max(period_end),
            least(sum(row_count), 2147483647), '{"adopted": true}'
        from adopted_period
        where sync_type = v_type.sync_type
        group by sync_type
        returning id into v_log;

        update adopted_period set sync_log_id = v_log where sync_type = v_type.sync_type;
        raise info 'Marking % rows of % as adopted', (select sum(row_count) from adopted_period where sync_log_id = v_log),
            v_type.target_table;
        execute format(
            'update %I as summary
            set sync_log_id = coalesce(summary.sync_log_id, adopted.sync_log_id),
                bigquery_sync_id = coalesce(bigquery_sync_id, ''adopted''),
                last_synced_at = coalesce(updated_at, created_at, current_timestamp)
            from adopted_period as adopted
            where adopted.sync_log_id = $1 and summary.period_start = adopted.period_start and last_synced_at is null',
            v_type.target_table
        ) using v_log;
    end loop;

    for v_trigger in select * from paused_trigger loop
        execute format(
            'alter table %s enable %s trigger %I',
            v_trigger.on_table,
            case v_trigger.tgenabled when 'R' then 'replica' when 'A' then 'always' end,
            v_trigger.tgname
        );
    end loop;
end
$$;


-- Only what is a period can ever be synced: its first day says so.
insert into synced_period (sync_type, period_start, period_end, state, row_count, sync_log_id)
select t.sync_type, adopted.period_start, (adopted.period_start + t.step)::date - 1, 'adopted', adopted.row_count, adopted.sync_log_id
from adopted_period as adopted
join period_type as t on t.sync_type = adopted.sync_type
where
    isfinite(adopted.period_start)
    and adopted.period_start = case t.unit
        when 'week' then adopted.period_start - extract(dow from adopted.period_start)::integer
        else date_trunc(t.unit, adopted.period_start::timestamp)::date
    end;
