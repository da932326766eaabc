-- Every figure of a report from the raw rows, written apart from the project's own SQL: anti-joins instead of windows,
-- decimal instead of integer arithmetic. quotient() is a Python function; query, clean_asin and text_problem are columns
-- that Python computes of a row's texts, because DuckDB's lower() is not GoogleSQL's (recompute.py).
with arrived as (
    select * from raw
    where
        start_date between $first_day and $last_day
        or (start_date is null and (end_date is null or end_date between $first_day and $last_day))
),

landed as (  -- copies that agree in everything are one
    select distinct * from arrived
),

valid_until_replaced as (
    select l.* from landed as l
    where
        l.asin is null or l.search_query is null
        or not exists (
            select 1 from landed as n
            where
                n.asin = l.asin and n.search_query = l.search_query
                and n.start_date is not distinct from l.start_date and n.end_date is not distinct from l.end_date
                and (n.ingested_at > l.ingested_at or (l.ingested_at is null and n.ingested_at is not null))
        )
),

judged as (
    select
        v.*,
        case
            when start_date is null then 'missing_period'
            when start_date != $first_day then 'misaligned_period'
            when end_date is null then 'missing_period'
            when end_date != $last_day then 'misaligned_period'
            when text_problem is not null then text_problem
            when unreadable <> '' then 'not_a_number'
            when least(
                total_same_day_shipping_click_count, total_one_day_shipping_click_count,
                total_two_day_shipping_click_count, total_same_day_shipping_cart_add_count,
                total_one_day_shipping_cart_add_count, total_two_day_shipping_cart_add_count,
                total_same_day_shipping_purchase_count, total_one_day_shipping_purchase_count,
                total_two_day_shipping_purchase_count,
                total_median_click_price, asin_median_click_price,
                total_median_cart_add_price, asin_median_cart_add_price,
                total_median_purchase_price, asin_median_purchase_price
            ) < 0 then 'negative_count'
            when search_query_score < 0 or search_query_volume < 0
                or total_query_impression_count < 0 or asin_impression_count < 0
                or total_click_count < 0 or asin_click_count < 0
                or total_cart_add_count < 0 or asin_cart_add_count < 0
                or total_purchase_count < 0 or asin_purchase_count < 0 then 'negative_count'
            when 100000000000 < greatest(
                search_query_score, search_query_volume, total_query_impression_count, asin_impression_count,
                total_click_count, asin_click_count, total_cart_add_count, asin_cart_add_count,
                total_purchase_count, asin_purchase_count
            ) then 'count_too_large'
            when 100000000000 < greatest(
                total_same_day_shipping_click_count, total_one_day_shipping_click_count,
                total_two_day_shipping_click_count, total_same_day_shipping_cart_add_count,
                total_one_day_shipping_cart_add_count, total_two_day_shipping_cart_add_count,
                total_same_day_shipping_purchase_count, total_one_day_shipping_purchase_count,
                total_two_day_shipping_purchase_count
            ) then 'count_too_large'
            when 9999999999 < greatest(
                total_median_click_price, asin_median_click_price,
                total_median_cart_add_price, asin_median_cart_add_price,
                total_median_purchase_price, asin_median_purchase_price
            ) then 'count_too_large'
            when 1 < (
                select count(*) from valid_until_replaced as other
                where
                    other.asin = v.asin and other.search_query = v.search_query
                    and other.start_date = v.start_date and other.end_date = v.end_date
            ) then 'conflicting_copies'
        end as reason
    from valid_until_replaced as v
),

summed as (
    select
        query,
        clean_asin as asin,
        sum(coalesce(asin_impression_count, 0))::bigint as total_impressions,
        sum(coalesce(asin_click_count, 0))::bigint as total_clicks,
        sum(coalesce(asin_cart_add_count, 0))::bigint as total_cart_adds,
        sum(coalesce(asin_purchase_count, 0))::bigint as total_purchases,
        if(bool_or(total_query_impression_count is null), null, sum(total_query_impression_count))::bigint
            as market_impressions,
        if(bool_or(total_click_count is null), null, sum(total_click_count))::bigint as market_clicks,
        if(bool_or(total_cart_add_count is null), null, sum(total_cart_add_count))::bigint as market_cart_adds,
        if(bool_or(total_purchase_count is null), null, sum(total_purchase_count))::bigint as market_purchases,
        min(search_query_score) as query_score,
        max(search_query_volume) as query_volume,
        if(bool_or(total_same_day_shipping_click_count is null), null, sum(total_same_day_shipping_click_count))::bigint as market_same_day_clicks,
        if(bool_or(total_one_day_shipping_click_count is null), null, sum(total_one_day_shipping_click_count))::bigint as market_one_day_clicks,
        if(bool_or(total_two_day_shipping_click_count is null), null, sum(total_two_day_shipping_click_count))::bigint as market_two_day_clicks,
        if(bool_or(total_same_day_shipping_cart_add_count is null), null, sum(total_same_day_shipping_cart_add_count))::bigint as market_same_day_cart_adds,
        if(bool_or(total_one_day_shipping_cart_add_count is null), null, sum(total_one_day_shipping_cart_add_count))::bigint as market_one_day_cart_adds,
        if(bool_or(total_two_day_shipping_cart_add_count is null), null, sum(total_two_day_shipping_cart_add_count))::bigint as market_two_day_cart_adds,
        if(bool_or(total_same_day_shipping_purchase_count is null), null, sum(total_same_day_shipping_purchase_count))::bigint as market_same_day_purchases,
        if(bool_or(total_one_day_shipping_purchase_count is null), null, sum(total_one_day_shipping_purchase_count))::bigint as market_one_day_purchases,
        if(bool_or(total_two_day_shipping_purchase_count is null), null, sum(total_two_day_shipping_purchase_count))::bigint as market_two_day_purchases,
        case when count(distinct coalesce(total_median_click_price::varchar, '')) = 1 and count(distinct coalesce(currency_code::varchar, '')) = 1 then any_value(total_median_click_price) end as market_click_price,
        case when count(distinct coalesce(asin_median_click_price::varchar, '')) = 1 and count(distinct coalesce(currency_code::varchar, '')) = 1 then any_value(asin_median_click_price) end as click_price,
        case when count(distinct coalesce(total_median_cart_add_price::varchar, '')) = 1 and count(distinct coalesce(currency_code::varchar, '')) = 1 then any_value(total_median_cart_add_price) end as market_cart_add_price,
        case when count(distinct coalesce(asin_median_cart_add_price::varchar, '')) = 1 and count(distinct coalesce(currency_code::varchar, '')) = 1 then any_value(asin_median_cart_add_price) end as cart_add_price,
        case when count(distinct coalesce(total_median_purchase_price::varchar, '')) = 1 and count(distinct coalesce(currency_code::varchar, '')) = 1 then any_value(total_median_purchase_price) end as market_purchase_price,
        case when count(distinct coalesce(asin_median_purchase_price::varchar, '')) = 1 and count(distinct coalesce(currency_code::varchar, '')) = 1 then any_value(asin_median_purchase_price) end as purchase_price,
        case when count(distinct coalesce(currency_code::varchar, '')) = 1 then any_value(currency_code) end as currency
    from judged
    where reason is null
    group by 1, 2
),

figures as (
    select
        *,
        quotient(total_clicks, total_impressions) as avg_ctr,
        quotient(total_purchases, total_clicks) as avg_cvr,
        quotient(total_impressions, market_impressions) as impression_share,
        quotient(total_clicks, market_clicks) as click_share,
        quotient(total_cart_adds, market_cart_adds) as cart_add_share,
        quotient(total_purchases, market_purchases) as purchase_share
    from summed
)

select
    null as reason, null as rejects, null as counted, *
from figures
union all by name
select 'landed' as counted, count(*) as rejects
from arrived
union all by name
select if(reason is null, 'accepted', 'rejected') as counted, count(*) as rejects
from judged
group by 1
union all by name
select 'differing' as counted, count(*) as rejects
from arrived as copy
join judged as winner
    on winner.reason is null and winner.asin = copy.asin and winner.search_query = copy.search_query
    and winner.start_date = copy.start_date and winner.end_date = copy.end_date
where
    row(
        copy.search_query_score, copy.search_query_volume, copy.total_query_impression_count,
        copy.asin_impression_count, copy.total_click_count, copy.asin_click_count, copy.total_cart_add_count,
        copy.asin_cart_add_count, copy.total_purchase_count, copy.asin_purchase_count,
        copy.total_same_day_shipping_click_count, copy.total_one_day_shipping_click_count,
        copy.total_two_day_shipping_click_count, copy.total_same_day_shipping_cart_add_count,
        copy.total_one_day_shipping_cart_add_count, copy.total_two_day_shipping_cart_add_count,
        copy.total_same_day_shipping_purchase_count, copy.total_one_day_shipping_purchase_count,
        copy.total_two_day_shipping_purchase_count, copy.total_median_click_price,
        copy.asin_median_click_price, copy.total_median_cart_add_price,
        copy.asin_median_cart_add_price, copy.total_median_purchase_price,
        copy.asin_median_purchase_price,
        copy.currency_code, copy.unreadable
    ) is distinct from row(
        winner.search_query_score, winner.search_query_volume, winner.total_query_impression_count,
        winner.asin_impression_count, winner.total_click_count, winner.asin_click_count, winner.total_cart_add_count,
        winner.asin_cart_add_count, winner.total_purchase_count, winner.asin_purchase_count,
        winner.total_same_day_shipping_click_count, winner.total_one_day_shipping_click_count,
        winner.total_two_day_shipping_click_count, winner.total_same_day_shipping_cart_add_count,
        winner.total_one_day_shipping_cart_add_count, winner.total_two_day_shipping_cart_add_count,
        winner.total_same_day_shipping_purchase_count, winner.total_one_day_shipping_purchase_count,
        winner.total_two_day_shipping_purchase_count, winner.total_median_click_price,
        winner.asin_median_click_price, winner.total_median_cart_add_price,
        winner.asin_median_cart_add_price, winner.total_median_purchase_price,
        winner.asin_median_purchase_price,
        winner.currency_code, winner.unreadable
    )
union all by name
select reason, count(*) as rejects
from judged
where reason is not null
group by reason
