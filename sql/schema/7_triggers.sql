-- Triggers that keep months, quarters and the ledger right whoever writes to the summary tables. Their functions run with
-- their owner's rights, because whoever may write a week need not be allowed to write the ledger. So they work for these
-- tables only, whose types are ours, and 9_rights.sql lets nobody else put them into a trigger. Where a policy would hide
-- rows from them, they fail instead of summing a part.


-- Stops a trigger on any table but the expected one and its partitions.
create or replace function refuse_other_table(p_found oid, p_expected text) returns void
language plpgsql
set search_path from current
as $$
begin
    if coalesce(pg_partition_root(p_found)::oid, p_found) is distinct from to_regclass(p_expected)::oid then
        raise exception 'a trigger function of schema % is on %, where it does not belong',
            current_schema(), p_found::regclass
            using hint = 'Drop that trigger.';
    end if;
end
$$;


-- weekly_summary was emptied: what was derived from it goes too, what was published by its own sync stays.
create or replace function delete_derived() returns void
language plpgsql
set search_path from current
as $$
declare
    v_type text;
    v_table text;
    v_first date;
begin
    for v_type, v_table, v_first in
        select ledger.sync_type, t.target_table, ledger.period_start
        from synced_period as ledger
        join rollup_type as t on t.sync_type = ledger.sync_type
        where ledger.state = 'derived'
        order by t.step desc, ledger.period_start
    loop
        perform lock_period(v_type, v_first);
        delete from synced_period where sync_type = v_type and period_start = v_first and state = 'derived';
        if found then
            execute format('delete from %I where period_start = %L', v_table, v_first);
        end if;
    end loop;
end
$$;


-- Keeps months and quarters equal to the weeks: once per statement, in any order, any number of times. Leaves alone what
-- its own sync has published, what was deleted on purpose, and rows that somebody else made. A month that has no rows, or
-- that must be summed anew, is summed from all its weeks.
-- Locks as lock_periods() does, and writes to the ledger even if it says so already: a publish that has compared
-- meanwhile finds the row changed. Needs read committed, so that what it waited for is seen.
create or replace function update_aggregate_summaries() returns trigger
language plpgsql
security definer
set search_path from current
set row_security = off
as $$
declare
    v_touched text := case tg_op
        when 'INSERT' then 'select period_start, query, asin from new_rows'
        when 'DELETE' then 'select period_start, query, asin from old_rows'
        when 'UPDATE' then
            'select period_start, query, asin from old_rows union select period_start, query, asin from new_rows'
    end;
    v_rows bigint;
    v_weeks date[];
    v_type rollup_type;
    v_sync_type text;
    v_first date;
    v_last date;
    v_ledger synced_period;
    v_has_rows boolean;
    v_keys text;
    v_keep text;
begin
    perform refuse_other_table(tg_relid, 'weekly_summary');
    if tg_op = 'TRUNCATE' then
        perform delete_derived();
        update synced_period set fingerprint = null where sync_type = 'weekly';
        perform note_lost('weekly');
        return null;
    end if;
    execute format('select count(*) from %s', case tg_op when 'DELETE' then 'old_rows' else 'new_rows' end) into v_rows;
    if v_rows = 0 then
        return null;
    end if;
    execute format('select array(select period_start from (%s) as touched group by period_start)', v_touched) into v_weeks;
    for v_sync_type, v_first in
        select t.sync_type, first_day_of(t.unit, week) as first
        from rollup_type as t, unnest(v_weeks) as week
        group by t.sync_type, t.step, first
        order by t.step desc, first
    loop
        v_type := (select t from rollup_type as t where t.sync_type = v_sync_type);
        v_last := (v_first + v_type.step)::date - 1;
        perform lock_period(v_sync_type, v_first);
        -- Wait for whoever has written to the month itself, to see that it must be summed anew.
        v_ledger := (
            select ledger from synced_period as ledger
            where ledger.sync_type = v_sync_type and ledger.period_start = v_first
            for update
        );
        v_has_rows := has_rows_between(array[v_type.target_table::regclass], v_first, v_first);
        if v_ledger.state is null and v_has_rows then
            perform record_adopted(v_sync_type, v_first);
        elsif v_ledger.state is null or v_ledger.state = 'derived' then
            v_keys := case
                when v_ledger.state is null or must_be_summed(v_ledger) or not v_has_rows
                    then rollup_keys(v_type, v_first)
                else format(
                    'select distinct query, asin from (%s) as touched where period_start between %L and %L',
                    v_touched, v_first, v_last
                )
            end;
            if v_has_rows and (select relkind from pg_class where oid = v_type.target_table::regclass) = 'r' then
                execute delete_repeated(v_type, v_first, v_keys);
            end if;
            execute sum_touched(v_type, v_first, v_keys);
            -- Whoever takes away its partition is not noticed before.
            if v_ledger.state = 'derived' and (v_ledger.fingerprint is null or not v_has_rows) then
                perform doubt_version(v_sync_type, v_first);
            end if;
            perform record_derived(v_sync_type, v_first);
        end if;
    end loop;
    -- Whoever wrote, the week is no longer known to be what was published; a publish says so anew afterwards. This locks
    -- the week in the ledger, and only then are the changes numbered.
    update synced_period set fingerprint = null where sync_type = 'weekly' and period_start = any (v_weeks);
    v_keep := keep_changes('weekly', tg_op, v_weeks, v_rows);
    if v_keep is not null then
        execute v_keep;
    end if;
    return null;
end
$$;


-- Whoever wrote, the month or quarter is no longer known to be what was published; a publish says so anew afterwards.
create or replace function forget_fingerprint() returns trigger
language plpgsql
security definer
set search_path from current
set row_security = off
as $$
declare
    v_type text := tg_argv[0];
    v_rows bigint;
    v_periods date[];
    v_keep text;
begin
    perform refuse_other_table(tg_relid, v_type || '_summary');
    if tg_op = 'TRUNCATE' then
        update synced_period set fingerprint = null where sync_type = v_type;
        perform note_lost(v_type);
        return null;
    end if;
    execute format('select count(*) from %s', case tg_op when 'DELETE' then 'old_rows' else 'new_rows' end) into v_rows;
    if v_rows = 0 then
        return null;
    end if;
    execute format(
        'select array(select period_start from (%s) as touched group by period_start)',
        case tg_op
            when 'INSERT' then 'select period_start from new_rows'
            when 'DELETE' then 'select period_start from old_rows'
            when 'UPDATE' then 'select period_start from old_rows union all select period_start from new_rows'
        end
    ) into v_periods;
    -- This locks the periods in the ledger, and only then are the changes numbered.
    update synced_period set fingerprint = null where sync_type = v_type and period_start = any (v_periods);
    v_keep := keep_changes(v_type, tg_op, v_periods, v_rows);
    if v_keep is not null then
        execute v_keep;
    end if;
    return null;
end
$$;


-- The same for the one period of a partition, whoever names the partition. The month and quarter of a week are to be summed
-- anew. A partition that was detached is yours.
create or replace function forget_period() returns trigger
language plpgsql
security definer
set search_path from current
set row_security = off
as $$
declare
    v_type text := tg_argv[0];
    v_first date := tg_argv[1]::date;
begin
    if pg_partition_root(tg_relid) is distinct from to_regclass(v_type || '_summary') then
        return null;
    end if;
    if v_type = 'weekly' then
        perform lock_periods('weekly', v_first);
        perform mark_derived(t.sync_type, first_day_of(t.unit, v_first))
        from rollup_type as t
        where
            tg_op in ('INSERT', 'UPDATE')
            -- where nothing was summed, nothing is left to be summed; nor after all weeks were emptied at once
            or exists (
                select from synced_period as ledger
                where ledger.sync_type = t.sync_type and ledger.period_start = first_day_of(t.unit, v_first)
            )
        order by t.step desc;
    end if;
    update synced_period set fingerprint = null where sync_type = v_type and period_start = v_first;
    return null;
end
$$;


-- The specification's own trigger ran this function for each row and added to the months; whatever it is called, it goes.
do $$
declare
    v_trigger text;
begin
    for v_trigger in
        select tgname from pg_trigger
        where tgrelid = 'weekly_summary'::regclass
            and tgfoid = 'update_aggregate_summaries'::regproc
            and not tgisinternal
            and tgtype & 1 = 1  -- for each row
    loop
        execute format('drop trigger %I on weekly_summary', v_trigger);
    end loop;
end
$$;


create or replace trigger update_summaries_on_weekly_insert
    after insert on weekly_summary
    referencing new table as new_rows
    for each statement
    execute function update_aggregate_summaries();

create or replace trigger update_summaries_on_weekly_update
    after update on weekly_summary
    referencing old table as old_rows new table as new_rows
    for each statement
    execute function update_aggregate_summaries();

create or replace trigger update_summaries_on_weekly_delete
    after delete on weekly_summary
    referencing old table as old_rows
    for each statement
    execute function update_aggregate_summaries();

create or replace trigger update_summaries_on_weekly_truncate
    after truncate on weekly_summary
    for each statement
    execute function update_aggregate_summaries();


-- The same four on each month and quarter table: forget_fingerprint_on_insert, and so on.
do $$
declare
    v_type rollup_type;
    v_event text;
    v_rows text;
begin
    for v_type in select * from rollup_type loop
        for v_event, v_rows in
            values
                ('insert', 'referencing new table as new_rows'),
                ('update', 'referencing old table as old_rows new table as new_rows'),
                ('delete', 'referencing old table as old_rows'),
                ('truncate', '')
        loop
            execute format(
                'create or replace trigger %I after %s on %I %s for each statement execute function forget_fingerprint(%L)',
                'forget_fingerprint_on_' || v_event, v_event, v_type.target_table, v_rows, v_type.sync_type
            );
        end loop;
    end loop;
end
$$;
