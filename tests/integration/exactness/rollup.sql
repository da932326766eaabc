-- A month or quarter from weekly target rows, written apart from the project's own SQL. quotient() is a Python function
-- (recompute.py).
with summed as (
    select
        query,
        asin,
        count(distinct period_start)::integer as active_weeks,
        sum(total_impressions)::bigint as total_impressions,
        sum(total_clicks)::bigint as total_clicks,
        sum(total_cart_adds)::bigint as total_cart_adds,
        sum(total_purchases)::bigint as total_purchases,
        if(bool_or(market_impressions is null), null, sum(market_impressions))::bigint as market_impressions,
        if(bool_or(market_clicks is null), null, sum(market_clicks))::bigint as market_clicks,
        if(bool_or(market_cart_adds is null), null, sum(market_cart_adds))::bigint as market_cart_adds,
        if(bool_or(market_purchases is null), null, sum(market_purchases))::bigint as market_purchases,
        min(query_score) as query_score,
        if(bool_or(query_volume is null), null, sum(query_volume))::bigint as query_volume,
        if(bool_or(market_same_day_clicks is null), null, sum(market_same_day_clicks))::bigint as market_same_day_clicks,
        if(bool_or(market_one_day_clicks is null), null, sum(market_one_day_clicks))::bigint as market_one_day_clicks,
        if(bool_or(market_two_day_clicks is null), null, sum(market_two_day_clicks))::bigint as market_two_day_clicks,
        if(bool_or(market_same_day_cart_adds is null), null, sum(market_same_day_cart_adds))::bigint as market_same_day_cart_adds,
        if(bool_or(market_one_day_cart_adds is null), null, sum(market_one_day_cart_adds))::bigint as market_one_day_cart_adds,
        if(bool_or(market_two_day_cart_adds is null), null, sum(market_two_day_cart_adds))::bigint as market_two_day_cart_adds,
        if(bool_or(market_same_day_purchases is null), null, sum(market_same_day_purchases))::bigint as market_same_day_purchases,
        if(bool_or(market_one_day_purchases is null), null, sum(market_one_day_purchases))::bigint as market_one_day_purchases,
        if(bool_or(market_two_day_purchases is null), null, sum(market_two_day_purchases))::bigint as market_two_day_purchases
    from weeks
    group by query, asin
)

select
    *,
    null as market_click_price,
    null as click_price,
    null as market_cart_add_price,
    null as cart_add_price,
    null as market_purchase_price,
    null as purchase_price,
    null as currency,
    quotient(total_clicks, total_impressions) as avg_ctr,
    quotient(total_purchases, total_clicks) as avg_cvr,
    quotient(total_impressions, market_impressions) as impression_share,
    quotient(total_clicks, market_clicks) as click_share,
    quotient(total_cart_adds, market_cart_adds) as cart_add_share,
    quotient(total_purchases, market_purchases) as purchase_share
from summed
