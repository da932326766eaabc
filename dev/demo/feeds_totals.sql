select
    feed,
    count(*) as row_count,
    sum(query_volume)::bigint as volume,
    sum(total_impressions)::bigint as impressions,
    sum(total_clicks)::bigint as clicks,
    sum(total_cart_adds)::bigint as cart_adds,
    sum(total_purchases)::bigint as purchases
from weekly_summary
where period_start = %(period_start)s
group by feed
