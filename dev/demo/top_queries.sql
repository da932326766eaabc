select
    query,
    count(*) as asins,
    max(query_volume) as volume,
    sum(total_impressions)::bigint as impressions,
    sum(total_clicks)::bigint as clicks,
    sum(total_purchases)::bigint as purchases,
    round(sum(total_clicks) / nullif(sum(total_impressions), 0), 6) as ctr
from weekly_summary
where period_start = %(period_start)s
group by query
order by purchases desc, query
limit 8
