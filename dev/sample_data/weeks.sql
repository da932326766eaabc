-- The rows of weeks weeks from first_week on, for the ASINs numbered first_asin to last_asin.
-- Query number r (0 is the best known) is searched about 1/r times as often as the first. Every figure is
-- drawn from the MD5 of what it belongs to, so the same arguments land the same rows. Counts only shrink
-- from impressions to purchases, and no draw gives an ASIN more than 1/asins of the market, so the ASINs
-- together never exceed it.
-- Compound arguments of div and mod stand in parentheses of their own: the emulator translates
-- div(a, b * c) to a // b * c.
insert into `{table}`
with weeks as (
  select date_add(@first_week, interval (7 * week_number) day) as start_date
  from unnest(generate_array(0, @weeks - 1)) as week_number
),


numbered as (
  select
    query_number,
    mod(query_number, array_length(@products)) as product_number,
    mod(div(query_number, array_length(@products)), array_length(@modifiers)) as modifier_number,
    mod(div(query_number, (array_length(@products) * array_length(@modifiers))), array_length(@uses))
      as use_number,
    1 + div(query_number, (array_length(@products) * array_length(@modifiers) * array_length(@uses)))
      as pack_size
  from unnest(generate_array(0, @queries - 1)) as query_number
),


queries as (
  select
    query_number,
    concat(
      modifier, product, use, if(pack_size = 1, '', concat(' pack of ', cast(pack_size as string)))
    ) as search_query
  from numbered
  join unnest(@products) as product with offset as product_offset on product_offset = product_number
  join unnest(@modifiers) as modifier with offset as modifier_offset on modifier_offset = modifier_number
  join unnest(@uses) as use with offset as use_offset on use_offset = use_number
),


searches as (
  select
    start_date,
    query_number,
    search_query,
    draw,
    3 + mod(draw, 20)
      + div((@top_volume * (80 + mod(div(draw, 20), 41))), (100 * (query_number + 1))) as volume
  from (
    select
      *,
      cast(concat('0x', substr(to_hex(md5(
        concat(cast(start_date as string), '/', cast(query_number as string))
      )), 1, 12)) as int64) as draw
    from weeks
    cross join queries
  )
),


impressions as (
  select *, @asins + div((volume * (600 + mod(div(draw, 1000), 900))), 100) as market_impressions
  from searches
),


clicks as (
  select *, div((market_impressions * (15 + mod(div(draw, 10000), 31))), 1000) as market_clicks
  from impressions
),


cart_adds as (
  select *, div((market_clicks * (15 + mod(div(draw, 100000), 26))), 100) as market_cart_adds
  from clicks
),


market as (
  select
    * except (draw),
    div((market_cart_adds * (25 + mod(div(draw, 1000000), 21))), 100) as market_purchases,
    row_number() over (partition by start_date order by volume desc, query_number) as score
  from cart_adds
),


asins as (
  select
    asin_number,
    concat('B0', substr(upper(to_hex(md5(cast(asin_number as string)))), 1, 4), format('%04d', asin_number))
      as asin,
    -- How far down the list of queries the ASIN reaches: all of them share the head, few the tail.
    @queries - @queries_per_asin - mod((asin_number * 7919), (div((@queries - @queries_per_asin), 4) + 1)) as reach
  from unnest(generate_array(@first_asin, @last_asin)) as asin_number
),


-- An ASIN's queries lie dense at the head and ever wider apart towards the tail; never one twice, because
-- the first term grows by one from position to position and the second never shrinks.
listings as (
  select
    asin_number,
    asin,
    position + div(div(reach * position, @queries_per_asin) * position, @queries_per_asin) as query_number
  from asins
  cross join unnest(generate_array(0, @queries_per_asin - 1)) as position
),


drawn as (
  select
    *,
    cast(concat('0x', substr(to_hex(md5(
      concat(cast(start_date as string), '/', asin, '/', cast(query_number as string))
    )), 1, 12)) as int64) as draw
  from listings
  join market using (query_number)
),


shown as (
  select
    *,
    greatest(1, div((market_impressions * (1 + mod(div(draw, 100), 20))), (20 * @asins))) as asin_impressions
  from drawn
  where mod(draw, 100) >= @churn_percent
),


clicked as (
  select
    *,
    least(asin_impressions, div((market_clicks * (1 + mod(div(draw, 2000), 20))), (20 * @asins))) as asin_clicks
  from shown
),


carted as (
  select
    *,
    least(asin_clicks, div((market_cart_adds * (1 + mod(div(draw, 40000), 20))), (20 * @asins))) as asin_cart_adds
  from clicked
)


select
  start_date,
  date_add(start_date, interval 6 day),
  asin,
  search_query,
  score,
  volume,
  market_impressions,
  asin_impressions,
  market_clicks,
  asin_clicks,
  market_cart_adds,
  asin_cart_adds,
  market_purchases,
  least(asin_cart_adds, div((market_purchases * (1 + mod(div(draw, 800000), 20))), (20 * @asins))),
  timestamp_add(timestamp(start_date), interval (24 * @landed_after_days + 6) hour)
from carted
