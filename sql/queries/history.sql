-- What happened to a published period: its versions, and what each of them changed.


-- name: versions
-- The newest first, each with the totals of the one before.
select
    version,
    published_at,
    how,
    sync_log_id,
    attempt,
    snapshot_at,
    row_count,
    row_hash,
    inserted,
    updated,
    deleted,
    totals,
    lag(totals) over (order by version) as totals_before,
    is_kept,
    is_healing
from period_version
where sync_type = %(sync_type)s and period_start = %(period_start)s
order by version desc;


-- name: moved
-- The queries, or the ASINs, whose impressions a version changed most, with what the changed rows had before and after.
select
    {moved} as name,
    count(*) as rows,
    sum(coalesce((before ->> 'total_impressions')::numeric, 0))::bigint as impressions_before,
    sum(coalesce((after ->> 'total_impressions')::numeric, 0))::bigint as impressions_after
from period_change
where
    sync_type = %(sync_type)s and period_start = %(period_start)s and id > %(version)s and version = %(version)s
    and (before ? 'total_impressions' or after ? 'total_impressions')
group by {moved}
order by
    abs(
        sum(coalesce((after ->> 'total_impressions')::numeric, 0))
        - sum(coalesce((before ->> 'total_impressions')::numeric, 0))
    ) desc,
    {moved}
limit %(limit)s;


-- name: changes
-- The rows that a version changed, page by page.
select id, query, asin, change, before, after, is_healing, changed_at
from period_change
where
    sync_type = %(sync_type)s and period_start = %(period_start)s and version = %(version)s
    and id > greatest(%(version)s, %(after_id)s)
order by id
limit %(limit)s;


-- name: changes_of_row
-- All that is kept of one row, the newest first.
select id, change, before, after, version, is_healing, changed_at, changed_by
from period_change
where sync_type = %(sync_type)s and period_start = %(period_start)s and query = %(query)s and asin = %(asin)s
order by id desc;


-- name: restated
-- What a run changed in a period that a sync had published before, and what it was in total. One that only put back what
-- somebody else had written changed nothing that was published.
select
    now.version,
    now.inserted,
    now.updated,
    now.deleted,
    before.totals as totals_before,
    now.totals
from period_version as now
cross join lateral (
    select totals, sync_log_id, how, row_count, row_hash
    from period_version as earlier
    where
        earlier.sync_type = now.sync_type and earlier.period_start = now.period_start and earlier.version < now.version
    order by earlier.version desc
    limit 1
) as before
where
    now.sync_type = %(sync_type)s
    and now.period_start = %(period_start)s
    and now.sync_log_id = %(sync_log_id)s
    and now.attempt = %(attempt)s
    and before.sync_log_id is not null
    and before.totals is not null
    and not (now.is_healing and (now.row_count, now.row_hash) is not distinct from (before.row_count, before.row_hash));
