-- Months and quarters as the sum of their weeks: a row for each key that any of the weeks has.


-- name: months_of_week
-- What is known of the month and quarter of a week.
--   is_complete    every week of it is synced, if the one that is being published is
--   others_open    other runs work on weeks of it and have not published yet
select
    t.sync_type,
    days.first as period_start,
    ledger.state,
    coalesce(must_be_summed(ledger), false) as must_be_summed,
    all_weeks_are_synced(t, days.first, %(week)s) as is_complete,
    exists (
        select from counted_run as run
        where
            run.sync_type = 'weekly'
            and run.sync_status = 'started'
            and run.sync_metadata ->> 'outcome' is null
            and run.period_start between days.first and days.last
            and run.period_start <> %(week)s
            and run.id <> %(sync_log_id)s
    ) as others_open
from rollup_type as t
cross join lateral (
    select
        first_day_of(t.unit, %(week)s) as first,
        (first_day_of(t.unit, %(week)s) + t.step)::date - 1 as last
) as days
left join synced_period as ledger on ledger.sync_type = t.sync_type and ledger.period_start = days.first
order by t.step;


-- name: weeks_between
-- The first days of the weeks that have rows, from index entry to index entry.
with recursive week (period_start) as (
    select min(period_start) from {weeks} where period_start between {first_day} and {last_day}
    union all
    select (
        select min(w.period_start) from {weeks} as w where w.period_start > week.period_start and w.period_start <= {last_day}
    )
    from week
    where week.period_start is not null
)
select period_start from week where period_start is not null;


-- name: summed_months
-- The months of a quarter that are the sum of their weeks already.
select period_start, period_end
from synced_period as ledger
where
    sync_type = 'monthly'
    and state = 'derived'
    and not must_be_summed(ledger)
    and period_start between {first_day} and {last_day};


-- name: addend
-- One week, or one month of a quarter: each key once.
select
    query::text collate "C" as query,
    asin::text collate "C" as asin,
    {active_weeks} as active_weeks,
    {columns}
from {table} as addend
where period_start = {first_day}


-- name: addend_once
-- The same of a plain table, which may have a key twice.
select distinct on (query, asin)
    query::text collate "C" as query,
    asin::text collate "C" as asin,
    {active_weeks} as active_weeks,
    {columns}
from {table} as addend
where period_start = {first_day}
order by query, asin, ctid


-- name: sum_addends
-- Joins of two tables are ten times faster than one grouping of both: a million keys are hashed by all processors.
-- Each offset keeps Postgres from writing an expression wherever its name stands, and so from adding up again for each
-- rate, and from dividing again wherever a rate is asked for.
select {columns}
from (
    select query, asin, {sums}
    from {addends}
    offset bigint '0'
) as sums
offset bigint '0'


-- name: prefer_hash_joins
-- The settings hold for this transaction only. Both sides of each join are large, all of both is read, and a process that
-- helps hands over few bytes for what it computes. Pages cost nothing here: what does not fit into memory is written and
-- read again in either case, and must not be a reason to join with one processor.
select
    set_config('work_mem', '64MB', true),
    set_config('seq_page_cost', '0', true),
    set_config('maintenance_work_mem', '256MB', true),
    set_config('enable_nestloop', 'off', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('parallel_tuple_cost', '0', true),
    set_config('parallel_setup_cost', '0', true),
    set_config('jit', 'off', true);
