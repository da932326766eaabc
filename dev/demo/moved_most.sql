-- The query whose impressions the last publish changed most.
select
    query,
    sum(coalesce((before ->> 'total_impressions')::bigint, 0))::bigint as before,
    sum(coalesce((after ->> 'total_impressions')::bigint, 0))::bigint as after
from period_change
where sync_type = 'weekly' and period_start = %(week)s and version = (
    select max(version) from period_version where sync_type = 'weekly' and period_start = %(week)s
)
group by query
order by
    abs(
        sum(coalesce((after ->> 'total_impressions')::bigint, 0))
        - sum(coalesce((before ->> 'total_impressions')::bigint, 0))
    ) desc,
    query
limit 1
