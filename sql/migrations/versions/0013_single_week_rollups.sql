-- A month or quarter whose first week has just been staged has that week's figures, row by row: there is nothing to add
-- up, and the rates, which validate has compared with the source, are those of the same counts.

-- The figures of a period that holds one week only, with the columns of rollup_figures.
create or replace function rollup_figures_of_one_week(p_unit text, p_first date, p_last date, p_week regclass) returns text
language sql
stable
as $$
    select format(
        $figures$
        select
            query, asin, 1 as active_weeks,
            total_impressions, total_clicks, total_cart_adds, total_purchases,
            market_impressions, market_clicks, market_cart_adds, market_purchases,
            query_score, query_volume,
            %1$L::date as period_end,
            %2$s as year,
            %3$s as %4$I,
            avg_ctr, avg_cvr, impression_share, click_share, cart_add_share, purchase_share,
            null::varchar as bigquery_sync_id,
            null::bigint as sync_log_id,
            null::timestamptz as last_synced_at
        from %5$s
        $figures$,
        p_last,
        extract(year from p_first),
        case p_unit when 'month' then extract(month from p_first) else extract(quarter from p_first) end,
        p_unit,
        p_week
    )
$$;


-- As before, with the figures as the text of a query.
drop function if exists rollup_build(text, date, date, text, regclass[]);

create or replace function rollup_build(p_unit text, p_first date, p_figures text) returns setof text
language plpgsql
stable
set search_path from current
as $$
declare
    v_table text := p_unit || 'ly_summary';
    v_partition text := partition_name(v_table, p_first);
    v_columns text := array_to_string(rollup_columns(p_unit), ', ');
begin
    return next format(
        'create table %I (like %I including defaults including constraints) with (fillfactor = %s)',
        v_partition, v_table, rollup_fillfactor()
    );
    return next format(
        'insert into %I (period_start, query, asin, %s) select %L, query, asin, %s from (%s) as figures',
        v_partition, v_columns, p_first, v_columns, p_figures
    );
    return next format('alter table %I add primary key (period_start, query, asin)', v_partition);
    return next format('create index on %I (sync_log_id) where sync_log_id is not null', v_partition);
    return next format('analyze %I (period_start, query, asin)', v_partition);
end
$$;


-- As before. p_staged_week is one of the sources, a week that is about to be attached; a month or quarter that is new is
-- then built first and attached last. A trigger must not ask for that: its transaction may stay open for long.
drop function if exists rollup_statements(date[], text, regclass[], boolean);

create or replace function rollup_statements(
    p_weeks date[], p_touched text, p_sources regclass[], p_staged_week regclass default null
) returns setof text
language plpgsql
set search_path from current
as $$
declare
    v_unit text;
    v_first date;
    v_last date;
    v_table text;
    v_touched text;
    v_figures text;
    v_attach text[] := '{}';
begin
    for v_unit, v_first in
        select unit, date_trunc(unit, week)::date as first
        from unnest(array['month', 'quarter']) as unit, unnest(p_weeks) as week
        group by unit, first
        order by unit, first
    loop
        v_table := v_unit || 'ly_summary';
        perform lock_period(v_unit || 'ly', v_first);
        continue when exists (
            select from synced_period where sync_type = v_unit || 'ly' and period_start = v_first and state = 'synced'
        );
        v_last := v_first + case v_unit when 'month' then interval '1 month' else interval '3 months' end;
        v_last := v_last - 1;
        v_touched := format(
            'select %s query, asin from (%s) as touched where period_start between %L and %L',
            case when p_staged_week is null then 'distinct' end, p_touched, v_first, v_last
        );
        if p_staged_week is not null and can_be_attached(v_table, v_first, v_last) then
            v_figures := case
                when has_rows_between(array['weekly_summary'::regclass], v_first, v_last)
                    then rollup_figures(v_unit, v_first, v_last, v_touched, p_sources)
                else rollup_figures_of_one_week(v_unit, v_first, v_last, p_staged_week)
            end;
            return query select rollup_build(v_unit, v_first, v_figures);
            v_attach := v_attach || format(
                'alter table %I attach partition %I for values from (%L) to (%L)',
                v_table, partition_name(v_table, v_first), v_first, v_last + 1
            );
            v_attach := v_attach || format('select record_derived(%L, %L, %L)', v_unit, v_first, v_last);
            continue;
        end if;
        if (select relkind from pg_class where oid = v_table::regclass) = 'r' then
            return next rollup_deduplication(v_unit, v_first, v_touched);
        end if;
        return next rollup_merge(v_unit, v_first, v_last, v_touched, p_sources);
        return next format('select record_derived(%L, %L, %L)', v_unit, v_first, v_last);
    end loop;
    return query select unnest(v_attach);
end
$$;


-- As before. A staged week holds each key once and one period_start, which its key finds at either end.
create or replace function refresh_rollups(p_pending regclass) returns void
language plpgsql
set search_path from current
set work_mem = '64MB'
set maintenance_work_mem = '256MB'
set enable_hashagg = off
as $$
declare
    v_touched text := format('select period_start, query, asin from %s', p_pending);
    v_weeks date[];
    v_statement text;
begin
    execute format('select array_remove(array[min(period_start)], null) from %s', p_pending) into v_weeks;
    for v_statement in
        select rollup_statements(
            v_weeks, v_touched, array['weekly_summary'::regclass, p_pending], p_staged_week => p_pending
        )
    loop
        execute v_statement;
    end loop;
end
$$;
