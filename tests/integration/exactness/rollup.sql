-- A month or quarter from weekly target rows, written apart from the project's own SQL. A rate above what its column holds
-- is kept as the largest that it holds: docs/data-contract.md says so.
with summed as (
    select
        query,
        asin,
        count(distinct period_start)::integer as active_weeks,
        sum(total_impressions)::bigint as total_impressions,
        sum(total_clicks)::bigint as total_clicks,
        sum(total_cart_adds)::bigint as total_cart_adds,
        sum(total_purchases)::bigint as total_purchases,
        sum(market_impressions)::bigint as market_impressions,
        sum(market_clicks)::bigint as market_clicks,
        sum(market_cart_adds)::bigint as market_cart_adds,
        sum(market_purchases)::bigint as market_purchases,
        min(query_score) as query_score,
        if(bool_or(query_volume is null), null, sum(query_volume))::bigint as query_volume
    from weeks
    group by query, asin
)

select
    *,
    least(quotient(total_clicks, total_impressions), 9999.999999) as avg_ctr,
    least(quotient(total_purchases, total_clicks), 9999.999999) as avg_cvr,
    least(quotient(total_impressions, market_impressions), 9999.999999) as impression_share,
    least(quotient(total_clicks, market_clicks), 9999.999999) as click_share,
    least(quotient(total_cart_adds, market_cart_adds), 9999.999999) as cart_add_share,
    least(quotient(total_purchases, market_purchases), 9999.999999) as purchase_share
from summed
