-- What the emulator runs for the benchmark of many feeds: one source table with the rows of all of them, and what must
-- be published of these. It shares nothing with the statements of the provider.


-- name: multiply
-- The rows of one sample for each client, with figures and some queries of its own.
create table `{table}` partition by start_date cluster by client as
select
    concat('client_', format('%03d', client_number)) as client,
    sample.* replace (
        if(
            mod((search_query_score + client_number), 37) = 0,
            concat(search_query, ' of client ', cast(client_number as string)), search_query
        ) as search_query,
        search_query_volume + client_number as search_query_volume,
        total_query_impression_count + (3 * client_number) as total_query_impression_count,
        asin_impression_count + mod((search_query_score * client_number), 7) as asin_impression_count
    )
from `{sample}` as sample
cross join unnest(generate_array(1, {clients})) as client_number;


-- name: superseded
-- Every twentieth row landed before with other figures; only the newer copy counts.
insert into `{table}`
select * replace (
    timestamp_sub(ingested_at, interval 1 hour) as ingested_at,
    asin_impression_count + 1000 as asin_impression_count,
    0 as asin_purchase_count
)
from `{table}`
where mod(search_query_score, 20) = 0;


-- name: expected_weeks
with newest as (
    select *
    from `{table}`
    qualify row_number() over (partition by client, start_date, asin, search_query order by ingested_at desc) = 1
),

texts as (
    select
        *,
        concat(
            cast(start_date as string), '|', cast(end_date as string), '|', asin, '|', search_query, '|',
            cast(asin_impression_count as string), '|', cast(asin_click_count as string), '|',
            cast(asin_cart_add_count as string), '|', cast(asin_purchase_count as string), '|',
            cast(total_query_impression_count as string), '|', cast(total_click_count as string), '|',
            cast(total_cart_add_count as string), '|', cast(total_purchase_count as string), '|',
            cast(search_query_score as string), '|', cast(search_query_volume as string), '|',
            cast(if(
                asin_impression_count = 0, 0,
                div(((2000000 * asin_click_count) + asin_impression_count), (2 * asin_impression_count))
            ) as string), '|',
            cast(if(
                asin_click_count = 0, 0, div(((2000000 * asin_purchase_count) + asin_click_count), (2 * asin_click_count))
            ) as string), '|',
            cast(if(
                total_query_impression_count = 0, 0,
                div(
                    ((2000000 * asin_impression_count) + total_query_impression_count),
                    (2 * total_query_impression_count)
                )
            ) as string), '|',
            cast(if(
                total_click_count = 0, 0,
                div(((2000000 * asin_click_count) + total_click_count), (2 * total_click_count))
            ) as string), '|',
            cast(if(
                total_cart_add_count = 0, 0,
                div(((2000000 * asin_cart_add_count) + total_cart_add_count), (2 * total_cart_add_count))
            ) as string), '|',
            cast(if(
                total_purchase_count = 0, 0,
                div(((2000000 * asin_purchase_count) + total_purchase_count), (2 * total_purchase_count))
            ) as string)
        ) as row_text
    from newest
)

select
    client,
    cast(start_date as string) as period_start,
    count(*) as row_count,
    cast(sum(asin_impression_count) as int64) as impressions,
    cast(sum(asin_click_count) as int64) as clicks,
    cast(sum(asin_cart_add_count) as int64) as cart_adds,
    cast(sum(asin_purchase_count) as int64) as purchases,
    cast(sum(cast(concat('0x', substr(to_hex(md5(row_text)), 1, 10)) as int64)) as int64) as row_hash
from texts
group by client, start_date;


-- name: expected_sums
-- Months or quarters, summed from the weeks that begin in them.
with newest as (
    select *, cast(cast(date_trunc(start_date, {unit}) as date) as string) as period_start
    from `{table}`
    qualify row_number() over (partition by client, start_date, asin, search_query order by ingested_at desc) = 1
),

keys as (
    select
        client,
        period_start,
        asin,
        search_query,
        cast(sum(asin_impression_count) as int64) as impressions,
        cast(sum(asin_click_count) as int64) as clicks,
        cast(sum(asin_cart_add_count) as int64) as cart_adds,
        cast(sum(asin_purchase_count) as int64) as purchases
    from newest
    group by client, period_start, asin, search_query
)

select
    client,
    period_start,
    count(*) as row_count,
    cast(sum(impressions) as int64) as impressions,
    cast(sum(clicks) as int64) as clicks,
    cast(sum(cart_adds) as int64) as cart_adds,
    cast(sum(purchases) as int64) as purchases,
    cast(sum(cast(concat('0x', substr(to_hex(md5(concat(
        period_start, '|', asin, '|', search_query, '|', cast(impressions as string), '|', cast(clicks as string), '|',
        cast(cart_adds as string), '|', cast(purchases as string)
    ))), 1, 10)) as int64)) as int64) as row_hash
from keys
group by client, period_start
