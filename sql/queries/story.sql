-- What the status page tells of a period: how it was published, what each publish changed, and the figures of a query or
-- ASIN. None of these statements writes.


-- name: period
select * from period_status where sync_type = %(sync_type)s and period_start = %(period_start)s;


-- name: versions
-- The publishes of a period, newest first, each with the totals of the one before.
select
    version,
    published_at,
    how,
    sync_log_id,
    snapshot_at,
    row_count,
    inserted,
    updated,
    deleted,
    totals,
    lag(totals) over earlier as totals_before,
    lag(version) over earlier is null as is_first,
    is_kept,
    is_healing
from period_version
where sync_type = %(sync_type)s and period_start = %(period_start)s
window earlier as (order by version)
order by version desc
limit %(rows)s;


-- name: lately
-- The newest syncs that changed or deleted rows which were there before. Rows that arrive, the sums that follow, and
-- Amazon's own report in place of a sum are no news.
select
    changed.sync_type,
    changed.period_start,
    changed.version,
    changed.published_at,
    changed.how,
    changed.sync_log_id,
    changed.snapshot_at,
    changed.row_count,
    changed.inserted,
    changed.updated,
    changed.deleted,
    changed.totals,
    before.totals as totals_before,
    false as is_first,
    changed.is_kept,
    changed.is_healing
from (
    select *
    from period_version as later
    where
        updated + deleted > 0
        and how <> 'summed'
        and (
            select how
            from period_version as earlier
            where
                earlier.sync_type = later.sync_type
                and earlier.period_start = later.period_start
                and earlier.version < later.version
            order by earlier.version desc
            limit 1
        ) <> 'summed'
    order by version desc
    limit %(rows)s
) as changed
cross join lateral (
    select totals
    from period_version as earlier
    where
        earlier.sync_type = changed.sync_type
        and earlier.period_start = changed.period_start
        and earlier.version < changed.version
    order by version desc
    limit 1
) as before
order by changed.version desc, changed.sync_type;


-- name: strangers
-- What others than a publish changed in a period.
select changed_by, count(*) as rows, min(changed_at) as first_at, max(changed_at) as last_at
from period_change
where sync_type = %(sync_type)s and period_start = %(period_start)s and version is null
group by changed_by
order by max(changed_at) desc
limit 20;


-- name: movers
-- The ten queries and the ten ASINs whose impressions a publish moved most, from the changed rows alone. A publish draws
-- its version before it changes rows, and holds the period: the ids of its changes lie between its version and the next.
with changed as materialized (
    select
        query,
        asin,
        coalesce((before ->> 'total_impressions')::bigint, 0) as impressions_before,
        coalesce((after ->> 'total_impressions')::bigint, 0) as impressions_after,
        coalesce((before ->> 'total_purchases')::bigint, 0) as purchases_before,
        coalesce((after ->> 'total_purchases')::bigint, 0) as purchases_after
    from period_change
    where
        sync_type = %(sync_type)s
        and period_start = %(period_start)s
        and version = %(version)s
        and id >= %(version)s
        and id < coalesce(
            (
                select min(version) from period_version
                where sync_type = %(sync_type)s and period_start = %(period_start)s and version > %(version)s
            ),
            9223372036854775807
        )
),

moved as (
    (
        select
            query,
            null as asin,
            count(*) as rows,
            sum(impressions_before)::bigint as impressions_before,
            sum(impressions_after)::bigint as impressions_after,
            sum(purchases_before)::bigint as purchases_before,
            sum(purchases_after)::bigint as purchases_after
        from changed
        group by changed.query
        order by
            abs(sum(impressions_after - impressions_before)) desc,
            abs(sum(purchases_after - purchases_before)) desc,
            count(*) desc,
            query
        limit 10
    )
    union all
    (
        select
            null,
            asin,
            count(*),
            sum(impressions_before)::bigint,
            sum(impressions_after)::bigint,
            sum(purchases_before)::bigint,
            sum(purchases_after)::bigint
        from changed
        group by changed.asin
        order by
            abs(sum(impressions_after - impressions_before)) desc,
            abs(sum(purchases_after - purchases_before)) desc,
            count(*) desc,
            asin
        limit 10
    )
)

select * from moved
order by
    query is null,
    abs(impressions_after - impressions_before) desc,
    abs(purchases_after - purchases_before) desc,
    rows desc,
    query,
    asin;


-- name: changes
-- The next changed rows of a period, those with ids above "after". Each batch is a statement of its own.
select id, version, query, asin, change, before, after, is_healing, changed_at, changed_by
from period_change
where
    sync_type = %(sync_type)s
    and period_start = %(period_start)s
    and id > %(after)s
    and (%(version)s::bigint is null or (version = %(version)s and id >= %(version)s))
    and (not %(strangers)s or version is null)
    and (%(query)s::text is null or query = %(query)s)
    and (%(asin)s::text is null or asin = %(asin)s)
order by id
limit %(rows)s;


-- name: stored_row
select to_jsonb(stored) as figures
from {table} as stored
where period_start = %(period_start)s and query = %(query)s and asin = %(asin)s
limit 1;


-- name: measures
-- What was published of the newest periods, oldest first: from its newest version, else what the ledger remembers.
select *
from (
    select
        ledger.sync_type,
        ledger.period_start,
        ledger.period_end,
        ledger.state,
        coalesce((newest.totals ->> 'rows')::bigint, newest.row_count, ledger.row_count) as rows,
        coalesce((newest.totals ->> 'asins')::bigint, cardinality(ledger.asins)) as asins,
        (newest.totals ->> 'total_impressions')::bigint as impressions,
        (newest.totals ->> 'total_purchases')::bigint as purchases,
        coalesce(versions.changed, 0) as times_changed
    from synced_period as ledger
    left join lateral (
        select totals, row_count
        from period_version as version
        where version.sync_type = ledger.sync_type and version.period_start = ledger.period_start
        order by version.version desc
        limit 1
    ) as newest on true
    left join lateral (
        select count(*) as changed
        from (
            select updated + deleted as changed, how, lag(how) over (order by version) as how_before
            from period_version as version
            where version.sync_type = ledger.sync_type and version.period_start = ledger.period_start
        ) as publish
        where changed > 0 and how <> 'summed' and how_before <> 'summed'
    ) as versions on true
    where ledger.sync_type = %(sync_type)s and ledger.state <> 'deleted'
    order by ledger.period_start desc
    limit %(rows)s
) as shown
order by period_start;


-- name: find_query
-- The newest periods with the figures of a query, found by the primary key.
select
    period.period_start,
    period.period_end,
    period.state,
    true as is_counted,
    true as is_known,
    found.*
from (
    select period_start, period_end, state from synced_period
    where sync_type = %(sync_type)s and state <> 'deleted'
    order by period_start desc
    limit %(periods)s
) as period
cross join lateral (
    select
        count(*) as rows,
        count(distinct stored.asin) as asins,
        count(distinct stored.query) as queries,
        min(stored.query)::text as query,
        sum(stored.total_impressions)::bigint as impressions,
        sum(stored.total_clicks)::bigint as clicks,
        sum(stored.total_cart_adds)::bigint as cart_adds,
        sum(stored.total_purchases)::bigint as purchases
    from {table} as stored
    where
        stored.period_start = period.period_start
        and stored.query = any(%(queries)s)
        and (%(asin)s::text is null or stored.asin = %(asin)s)
) as found
where found.rows > 0
order by period.period_start desc;


-- name: find_asin
-- The newest periods that have an ASIN. Its rows are counted in the newest ones only, as many as have "most" rows in all:
-- no index leads from an ASIN to its rows. Which ASINs the others have is known from the ledger, until somebody else writes
-- to a period: then those that are counted are read, and others may have it.
select
    period.period_start,
    period.period_end,
    period.state,
    period.is_counted,
    period.is_counted or period.asins is not null as is_known,
    found.*
from (
    select
        ledger.period_start,
        ledger.period_end,
        ledger.state,
        case when ledger.fingerprint is not null then ledger.asins end as asins,
        sum(coalesce(ledger.row_count, newest.row_count, %(unknown)s)) over (order by ledger.period_start desc)
        <= %(most)s as is_counted
    from synced_period as ledger
    left join lateral (
        select row_count
        from period_version as version
        where version.sync_type = ledger.sync_type and version.period_start = ledger.period_start
        order by version.version desc
        limit 1
    ) as newest on true
    where ledger.sync_type = %(sync_type)s and ledger.state <> 'deleted'
    order by ledger.period_start desc
    limit %(periods)s
) as period
cross join lateral (
    select
        count(*) as rows,
        count(distinct stored.asin) as asins,
        count(distinct stored.query) as queries,
        null::text as query,
        sum(stored.total_impressions)::bigint as impressions,
        sum(stored.total_clicks)::bigint as clicks,
        sum(stored.total_cart_adds)::bigint as cart_adds,
        sum(stored.total_purchases)::bigint as purchases
    from {table} as stored
    where
        period.is_counted
        and coalesce(%(asin)s = any(period.asins), true)
        and stored.period_start = period.period_start
        and stored.asin = %(asin)s
) as found
where found.rows > 0 or (not period.is_counted and coalesce(%(asin)s = any(period.asins), true))
order by period.period_start desc;
