-- The source table under Amazon's own field names, empty.
create or replace table `{table}` (
  start_date date,
  end_date date,
  asin string,
  search_query string,
  search_query_score int64,
  search_query_volume int64,
  total_query_impression_count int64,
  asin_impression_count int64,
  total_click_count int64,
  asin_click_count int64,
  total_cart_add_count int64,
  asin_cart_add_count int64,
  total_purchase_count int64,
  asin_purchase_count int64,
  ingested_at timestamp
)
partition by start_date
cluster by asin
