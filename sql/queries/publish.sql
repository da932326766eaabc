-- Publish a staged period: as a whole, or only the rows that differ. What takes long is prepared in transactions of its
-- own, and the last one, which changes what others read, waits for no lock for longer than a moment.


-- name: wait_at_most
select set_config('lock_timeout', %(milliseconds)s, true);


-- name: lock_periods
select lock_periods(%(sync_type)s, %(period_start)s);


-- name: lock_ledger
-- The row of a period, with what tells whether anybody has written to the period since: whoever writes, writes here too,
-- but for those who take away the whole partition of a sum.
select
    xmin::text as version,
    fingerprint is null and state in ('synced', 'derived')
        or state = 'derived' and not has_rows_between(array[{target_text}::regclass], {first_day}, {first_day}) as is_doubted
from synced_period
where sync_type = %(sync_type)s and period_start = %(period_start)s
for update;


-- name: ledger_version
select xmin::text as version
from synced_period
where sync_type = %(sync_type)s and period_start = %(period_start)s;


-- name: adopt_unknown
-- Rows that no sync and no sum of ours has made are noted in the ledger before they are compared.
insert into synced_period (sync_type, period_start, period_end, state)
select t.sync_type, days.first, days.last, 'adopted'
from period_type as t
cross join lateral (
    select
        first_day_of(t.unit, %(period_start)s) as first,
        (first_day_of(t.unit, %(period_start)s) + t.step)::date - 1 as last
) as days
where
    (t.sync_type = %(sync_type)s or (%(sync_type)s = 'weekly' and t.unit <> 'week'))
    and has_rows_between(array[t.target_table::regclass], days.first, days.first)
order by t.step desc
on conflict (sync_type, period_start) do nothing;


-- name: ledger_row
select state, fingerprint, snapshot_at, row_count, sync_log_id, attempt, published_at
from synced_period
where sync_type = %(sync_type)s and period_start = %(period_start)s;


-- name: period_rows
select count(*) as rows from {target} where period_start = %(period_start)s;


-- name: has_rows
select has_rows_between(array[{target_text}::regclass], {first_day}, {first_day}) as found;


-- name: way_as_a_whole
select way_as_a_whole({target_name}, {first_day}, {last_day}) as way;


-- name: make_room
-- A partition for what will be written row by row, before it is. An empty one does no harm.
select ensure_period_partition({target_name}, {first_day}, {last_day}) as made;


-- name: foreign_keys
-- The keys of the summary table that refer to others, such as sync_log.
select pg_get_constraintdef(oid) as definition
from pg_constraint
where conrelid = {target_text}::regclass and contype = 'f' and not exists (
    select from pg_constraint as has where has.conrelid = {staged_text}::regclass and has.contype = 'f'
);


-- name: add_foreign_key
-- Locks the table it refers to for a moment.
alter table {staged} add {definition} not valid;


-- name: unproved_foreign_keys
select conname as name from pg_constraint where conrelid = {staged_text}::regclass and contype = 'f' and not convalidated;


-- name: prove_foreign_key
-- Reads every row, and locks nobody out.
alter table {staged} validate constraint {key};


-- name: lock_table
lock table only {table} in access exclusive mode;


-- name: lock_writers_out
-- A writer who has chosen the default partition before a partition is attached, and waits for it, would be refused.
lock table only {table} in share row exclusive mode;


-- name: lock_log
lock table sync_log in access exclusive mode;


-- name: default_partition
select partition::text as name from partitions_of({target_text}::regclass) where first_day is null;


-- name: drop_partition
drop table {partition};


-- name: move_staged
alter table {staged} set schema {schema};


-- name: rename_staged
alter table {moved} rename to {partition_name};


-- name: attach
select attach_partition({target_name}, {first_day}, {last_day});


-- name: act_as_login
-- Which may see more of other sessions than the role that owns the tables.
select set_config('role', 'none', true);


-- name: in_the_way
-- Who holds a lock that a publish waits for, the longest open transaction first.
select
    holder.pid,
    nullif(activity.application_name, '') as application,
    activity.usename::text as login,
    activity.xact_start as since,
    min(holder.relation::regclass::text) as relation
from pg_locks as holder
join pg_stat_activity as activity on activity.pid = holder.pid
where
    holder.granted
    and holder.pid <> pg_backend_pid()
    and activity.datid = (select oid from pg_database where datname = current_database())
    and (
        (
            holder.database = activity.datid
            and holder.relation in (  -- not by pg_partition_tree(), which would wait for a lock of the table
                select unnest(array[t.target_table::regclass::oid, child.inhrelid])
                from period_type as t
                left join pg_inherits as child on child.inhparent = t.target_table::regclass
                where t.sync_type = any (%(sync_types)s)
            )
        )
        or (
            holder.database = activity.datid
            and (
                holder.relation = 'sync_log'::regclass
                or (holder.relation = 'synced_period'::regclass and holder.mode = 'RowExclusiveLock')
            )
        )
        or (
            holder.locktype = 'advisory'
            and (holder.classid::bigint << 32 | holder.objid::bigint)
                in (select period_lock(key.sync_type, key.first) from unnest(%(sync_types)s, %(firsts)s::date[]) as key (sync_type, first))
        )
    )
group by holder.pid, activity.application_name, activity.usename, activity.xact_start
order by activity.xact_start
limit 1;


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


-- name: create_difference
-- Everything that has to change, with its new values, before anything is written. Where more than a part differs, the
-- period is replaced as a whole, and there is no need to know all of it.
create unlogged table {difference} as
select
    coalesce(s.query, c.query) as key_query,
    coalesce(s.asin, c.asin) as key_asin,
    case when c.query is null then 'inserted' when s.query is null then 'deleted' else 'updated' end as change,
    {staged_inserted}
from {rows} as s
full join ({current_rows}) as c on c.query = s.query and c.asin = s.asin
where s.query is null or c.query is null or ({staged_values}) is distinct from ({current_values})
limit {limit};


-- name: analyze_difference
-- The planner must know how many rows there are: it should look ten rows up in the index, but join a million.
analyze {difference} (key_query, key_asin, change);


-- name: count_difference
select
    (select count(*) from {rows} as s) as rows_staged,
    count(*) filter (where change = 'inserted') as inserted,
    count(*) filter (where change = 'updated') as updated,
    count(*) filter (where change = 'deleted') as deleted
from {difference};


-- name: count_changes
-- The same without keeping the rows.
select
    count(s.query) as rows_staged,
    count(*) filter (where c.query is null) as inserted,
    count(*) filter (where s.query is null) as deleted,
    count(*) filter (where s.query = c.query and ({staged_values}) is distinct from ({current_values})) as updated
from {rows} as s
full join ({current_rows}) as c on c.query = s.query and c.asin = s.asin;


-- name: finished_rows
-- The rows of a new partition as a difference would leave them: what did not change keeps all its columns. The offset
-- keeps Postgres from comparing a row again for each column that asks.
select {finished_columns}
from (
    select
        {staged_inserted},
        {kept_columns},
        c.query is not null as was_there,
        c.query is not null and ({staged_values}) is not distinct from ({current_values}) as same
    from {rows} as s
    left join ({current_rows}) as c on c.query = s.query and c.asin = s.asin
    offset bigint '0'
) as row


-- name: new_rows
select {columns} from {rows} as s


-- name: create_from_rows
create unlogged table {staged} as
select * from {rows} as s;


-- name: analyze_rows
-- How many there are decides whether one process joins them or all.
analyze {staged} (query, asin);


-- name: delete_vanished
delete from {target} as t
using {difference} as d
where d.change = 'deleted' and t.period_start = {first_day} and t.query = d.key_query and t.asin = d.key_asin;


-- name: update_changed
update {target} as t set
    ({assigned}) = row({difference_values}),
    updated_at = current_timestamp
from {difference} as d
where d.change = 'updated' and t.period_start = {first_day} and t.query = d.key_query and t.asin = d.key_asin;


-- name: insert_new
insert into {target} ({inserted})
select {inserted}
from {difference}
where change = 'inserted';


-- name: record_published
insert into synced_period (
    sync_type, period_start, period_end, state, fingerprint, snapshot_at, row_count, row_hash, sync_log_id, attempt,
    published_at, asins
)
values (
    %(sync_type)s, %(period_start)s, %(period_end)s, 'synced', %(fingerprint)s, %(snapshot_at)s, %(row_count)s,
    %(row_hash)s, %(sync_log_id)s, %(attempt)s, clock_timestamp(),
    case when %(row_count)s = 0 then '{{}}'::text[] else {asins} end
)
on conflict (sync_type, period_start) do update set
    period_end = excluded.period_end,
    state = excluded.state,
    fingerprint = excluded.fingerprint,
    snapshot_at = excluded.snapshot_at,
    row_count = excluded.row_count,
    row_hash = excluded.row_hash,
    sync_log_id = excluded.sync_log_id,
    attempt = excluded.attempt,
    published_at = excluded.published_at,
    asins = excluded.asins,
    -- counted for the ASINs that were there before; of others they are counted when the run ends
    asins_found = case when excluded.asins = synced_period.asins then synced_period.asins_found end,
    asins_expected = case when excluded.asins = synced_period.asins then synced_period.asins_expected end,
    expected_by = case when excluded.asins = synced_period.asins then synced_period.expected_by end,
    week_changed_at = case
        when synced_period.week_changed_at > excluded.snapshot_at then synced_period.week_changed_at
    end;


-- name: mark_derived
select mark_derived(%(sync_type)s, %(period_start)s);


-- name: record_derived
select record_derived(%(sync_type)s, %(period_start)s, %(has_rows)s);


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
