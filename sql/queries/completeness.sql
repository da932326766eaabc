-- Whether periods are complete; the arithmetic is in schema/5_completeness.sql.


-- name: outlook
select
    (
        select state from synced_period where sync_type = %(sync_type)s and period_start = %(period_start)s
    ) as state,
    (
        select count(*)
        from (
            select
            from synced_period
            where
                sync_type = %(sync_type)s
                and period_start < %(period_start)s
                and state = 'synced'
                and row_count > 0
            limit 2
        ) as found
    ) as earlier,
    expected_by(%(sync_type)s, %(period_start)s::date) as expected_by;


-- name: note_staged_asins
-- Read once, for the checks and for the ledger.
create unlogged table {asins_table} as
{asins};


-- name: staged_asins
select
    compared.expected,
    compared.found,
    coalesce(compared.found >= round(type.complete_above * compared.expected), false) as has_enough
from period_type as type
cross join compare_asins(
    %(sync_type)s, %(period_start)s::date, array(select asin::text from {asins})
) as compared
where type.sync_type = %(sync_type)s;


-- name: published_asins
-- Null if the server has restarted since, because the table is empty then.
(select array_agg(asin::text order by asin) from {asins})


-- name: judge_around
select judge_completeness(%(sync_type)s, array(select judged_with(%(sync_type)s, %(period_start)s::date)));


-- name: judge
select judge_completeness(%(sync_type)s, %(period_starts)s::date[]);


-- name: note_missing_asins
-- Of the newest twelve periods at most, which are all that the checked ones are compared with. The rows must be those
-- that were published, and no run may be working on them.
update synced_period as ledger set asins = array(
    select distinct t.asin::text from {target} as t where t.period_start = ledger.period_start order by 1
)
where
    ledger.sync_type = %(sync_type)s
    and ledger.period_start in (
        select newest.period_start
        from synced_period as newest
        where
            newest.sync_type = %(sync_type)s
            and newest.state = 'synced'
            and newest.asins is null
            and newest.fingerprint is not null
            and not exists (
                select from sync_log as run
                where
                    run.sync_type = newest.sync_type
                    and run.period_start = newest.period_start
                    and run.sync_status = 'started'
            )
        order by newest.period_start desc
        limit 12
        for update skip locked
    );


-- name: answer
select sync_type, period_start, period_end, trusted, verdict, why
from period_status
where sync_type = %(sync_type)s and period_start = %(period_start)s;
