-- The publishes of a week: what it was, and what it is.
select
    published_at,
    how,
    inserted,
    updated,
    deleted,
    (totals ->> 'rows')::bigint as rows,
    (totals ->> 'total_impressions')::bigint as impressions
from period_version
where sync_type = 'weekly' and period_start = %(week)s
order by version desc
limit 2
