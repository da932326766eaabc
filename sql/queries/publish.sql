-- Publish a staged period in one transaction: attach it, or write only the rows that differ.


-- name: wait_at_most
select set_config('lock_timeout', %(milliseconds)s, true);


-- name: lock_turn
-- One publish of a target table at a time. Two of them, one reading the default partition and one attaching, deadlock.
select lock_period(%(sync_type)s, '1900-01-01');  -- no period starts there


-- name: lock_rollup_turns
-- The same for months and quarters, because a week's publish may attach partitions to them. All lock in this order.
select lock_period(t.sync_type, '1900-01-01')
from (select sync_type from rollup_type order by step) as t;


-- name: lock_period
select lock_period(%(sync_type)s, %(period_start)s);


-- name: ledger_row
select state, fingerprint, snapshot_at, row_count, sync_log_id, attempt, published_at
from synced_period
where sync_type = %(sync_type)s and period_start = %(period_start)s;


-- name: period_rows
select count(*) as rows from {target} where period_start = %(period_start)s;


-- name: make_room
-- Partitions for what will be written row by row, before it is: of the period itself, and of a week's month and quarter.
-- What is new is built apart and attached later. Empty partitions do no harm.
select ensure_period_partition(t.target_table, t.first, (t.first + t.step)::date - 1)
from (
    select
        target_table,
        step,
        first_day_of(unit, %(period_start)s::date) as first
    from period_type
    where sync_type = %(sync_type)s or (%(sync_type)s = 'weekly' and unit <> 'week')
) as t
where
    not (
        %(is_new)s
        and can_be_attached(t.target_table, t.first, (t.first + t.step)::date - 1)
    )
order by t.step;


-- name: lock_defaults
-- Of the tables that get a partition attached, in the order in which all lock.
select lock_default_partition(t.target_table)
from (
    select
        target_table,
        step,
        first_day_of(unit, %(period_start)s::date) as first
    from period_type
    where sync_type = %(sync_type)s or (%(sync_type)s = 'weekly' and unit <> 'week')
) as t
where can_be_attached(t.target_table, t.first, (t.first + t.step)::date - 1)
order by t.step;


-- name: refresh_rollups
select refresh_rollups({staged_text}::regclass);


-- name: move_staged
alter table {staged} set schema {schema};


-- name: rename_staged
alter table {moved} rename to {partition_name};


-- name: attach
select attach_partition({target_name}, {first_day}, {last_day});


-- name: delete_duplicates
-- A plain table may have a key twice. One row of each key stays, to be compared.
delete from {target} as t
using (
    select ctid, row_number() over (partition by query, asin order by ctid) as copy
    from {target}
    where period_start = %(period_start)s
) as d
where t.period_start = %(period_start)s and t.ctid = d.ctid and d.copy > 1;


-- name: count_duplicates
select count(*) - count(distinct (query, asin)) as duplicates from {target} where period_start = %(period_start)s;


-- name: current_rows
select * from {target} where period_start = {first_day}


-- name: current_rows_once
-- For a plain table: of each key the copy that delete_duplicates keeps.
select distinct on (query, asin) * from {target} where period_start = {first_day} order by query, asin, ctid


-- name: compare_in_memory
-- The hash join has a week of rows on each side. The setting holds for this transaction only.
select set_config('work_mem', '64MB', true);


-- name: find_difference
-- Everything that has to change, with its new values, before anything is written.
create temporary table period_difference on commit drop as
select
    coalesce(s.query, c.query) as key_query,
    coalesce(s.asin, c.asin) as key_asin,
    case when c.query is null then 'inserted' when s.query is null then 'deleted' else 'updated' end as change,
    {staged_inserted}
from {staged} as s
full join ({current_rows}) as c on c.query = s.query and c.asin = s.asin
where s.query is null or c.query is null or ({staged_values}) is distinct from ({current_values});


-- name: analyze_difference
-- The planner must know how many rows there are: it should look ten rows up in the index, but join a million.
analyze period_difference (key_query, key_asin, change);


-- name: count_difference
select
    (select count(*) from {staged}) as rows_staged,
    count(*) filter (where change = 'inserted') as inserted,
    count(*) filter (where change = 'updated') as updated,
    count(*) filter (where change = 'deleted') as deleted
from period_difference;


-- name: delete_vanished
delete from {target} as t
using period_difference as d
where d.change = 'deleted' and t.period_start = {first_day} and t.query = d.key_query and t.asin = d.key_asin;


-- name: update_changed
update {target} as t set
    ({assigned}) = row({difference_values}),
    updated_at = current_timestamp
from period_difference as d
where d.change = 'updated' and t.period_start = {first_day} and t.query = d.key_query and t.asin = d.key_asin;


-- name: insert_new
insert into {target} ({inserted})
select {inserted}
from period_difference
where change = 'inserted';


-- name: record_published
insert into synced_period (
    sync_type, period_start, period_end, state, fingerprint, snapshot_at, row_count, sync_log_id, attempt, published_at
)
values (
    %(sync_type)s, %(period_start)s, %(period_end)s, 'synced', %(fingerprint)s, %(snapshot_at)s, %(row_count)s,
    %(sync_log_id)s, %(attempt)s, clock_timestamp()
)
on conflict (sync_type, period_start) do update set
    period_end = excluded.period_end,
    state = excluded.state,
    fingerprint = excluded.fingerprint,
    snapshot_at = excluded.snapshot_at,
    row_count = excluded.row_count,
    sync_log_id = excluded.sync_log_id,
    attempt = excluded.attempt,
    published_at = excluded.published_at,
    week_changed_at = case
        when synced_period.week_changed_at > excluded.snapshot_at then synced_period.week_changed_at
    end;


-- name: derive_adopted
select derive_adopted(%(period_start)s);


-- name: mark_outdated
-- A month or quarter that was summed at the source before this week's snapshot may lack what the week now has. It has
-- the week if the source was seen to hold the week's rows before the month was summed, or was seen to be unchanged.
update synced_period as rollup set week_changed_at = greatest(rollup.week_changed_at, %(snapshot_at)s)
from rollup_type as t
where
    rollup.sync_type = t.sync_type
    and rollup.period_start = first_day_of(t.unit, %(period_start)s::date)
    and rollup.state = 'synced'
    and rollup.fingerprint is not null
    and coalesce(rollup.snapshot_at < %(snapshot_at)s, true)
    and not exists (
        select
        from source_period as week
        left join source_period as seen
            on seen.sync_type = rollup.sync_type
            and seen.period_start = rollup.period_start
            and seen.fingerprint = rollup.fingerprint
        where
            week.sync_type = 'weekly'
            and week.period_start = %(period_start)s
            and week.fingerprint = %(fingerprint)s
            and week.seen_at <= greatest(rollup.snapshot_at, seen.seen_at)
    );


-- name: record_confirmed
-- A later snapshot had the same rows.
update synced_period set
    snapshot_at = greatest(snapshot_at, %(snapshot_at)s),
    week_changed_at = case when week_changed_at > %(snapshot_at)s then week_changed_at end
where sync_type = %(sync_type)s and period_start = %(period_start)s;
