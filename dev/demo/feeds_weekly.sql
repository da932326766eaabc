select
    feed,
    marketplace,
    count(*) as rows,
    count(distinct asin) as asins,
    sum(total_impressions)::bigint as impressions,
    sum(total_clicks)::bigint as clicks,
    sum(total_purchases)::bigint as purchases
from weekly_summary
where period_start = %(period_start)s
group by feed, marketplace
order by feed
