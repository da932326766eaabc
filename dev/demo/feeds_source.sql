-- What a feed's week has at the source: of several copies of a row the newest.
select
  count(*) as row_count,
  sum(search_query_volume) as volume,
  sum(asin_impression_count) as impressions,
  sum(asin_click_count) as clicks,
  sum(asin_cart_add_count) as cart_adds,
  sum(asin_purchase_count) as purchases
from (
  select *
  from `{table}`
  where start_date = @week and {condition}
  qualify row_number() over (partition by asin, search_query order by ingested_at desc) = 1
)
