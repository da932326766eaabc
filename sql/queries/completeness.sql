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
    coalesce(compared.found >= round(type.complete_above * compared.expected), false) as has_enough,
    %(rows)s::bigint as rows,
    case when lacks_rows(%(rows)s, around.row_count) then around.row_count end as rows_expected
from period_type as type
cross join compare_asins(
    %(sync_type)s, %(period_start)s::date, array(select asin::text from {asins})
) as compared
cross join (
    select min(ledger.row_count) as row_count
    from neighbours_of(%(sync_type)s, %(period_start)s::date) as neighbour
    join synced_period as ledger
        on ledger.sync_type = %(sync_type)s and ledger.period_start = neighbour.period_start
) as around
where type.sync_type = %(sync_type)s;


-- name: published_asins
-- Null if the server has restarted since, because the table is empty then.
(select array_agg(asin::text order by asin) from {asins})


-- name: judge_around
select judge_completeness(%(sync_type)s, array(select judged_with(%(sync_type)s, %(period_start)s::date)));


-- name: judge
select judge_completeness(%(sync_type)s, %(period_starts)s::date[]);


-- name: lacking_asins
-- The newest periods whose ASINs are not noted. Their rows must be those that were published.
select period_start
from synced_period
where sync_type = %(sync_type)s and state = 'synced' and asins is null and fingerprint is not null
order by period_start desc
limit 12;


-- name: note_asins
-- Not while a run works on the period, which notes them itself.
update synced_period as ledger set asins = array(
    select distinct t.asin::text from {target} as t where t.period_start = ledger.period_start order by 1
)
where
    ledger.sync_type = %(sync_type)s
    and ledger.period_start in (
        select lacking.period_start
        from synced_period as lacking
        where
            lacking.sync_type = %(sync_type)s
            and lacking.period_start = %(period_start)s
            and lacking.state = 'synced'
            and lacking.asins is null
            and lacking.fingerprint is not null
            and not exists (
                select from sync_log as run
                where
                    run.sync_type = lacking.sync_type
                    and run.period_start = lacking.period_start
                    and run.sync_status = 'started'
            )
        for update skip locked
    );


-- name: answer
select sync_type, period_start, period_end, trusted, verdict, why
from period_status
where sync_type = %(sync_type)s and period_start = %(period_start)s;


-- name: answers
-- Of the periods that are published and equal to the source. Any other is synced first.
select sync_type, period_start, period_end, trusted, verdict, why
from period_status
where sync_type = %(sync_type)s and period_start = any (%(period_starts)s::date[]) and status = 'synced'
order by period_start desc;
