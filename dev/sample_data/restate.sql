-- A restatement: percent of the week's queries land again, later, with higher counts. Every landed row
-- differs from the one it replaces, because the volume and the market's impressions always grow.
insert into `{table}`
select * replace (
  search_query_volume + 1 as search_query_volume,
  div((total_query_impression_count * 107), 100) + 1 as total_query_impression_count,
  div((asin_impression_count * 107), 100) as asin_impression_count,
  div((total_click_count * 107), 100) as total_click_count,
  div((asin_click_count * 107), 100) as asin_click_count,
  div((total_cart_add_count * 107), 100) as total_cart_add_count,
  div((asin_cart_add_count * 107), 100) as asin_cart_add_count,
  div((total_purchase_count * 107), 100) as total_purchase_count,
  div((asin_purchase_count * 107), 100) as asin_purchase_count,
  timestamp_add(timestamp(start_date), interval (24 * @landed_after_days + 6) hour) as ingested_at
)
from `{table}`
where start_date = @week
  and starts_with(asin, 'B0')
  and mod(cast(concat('0x', substr(to_hex(md5(search_query)), 1, 12)) as int64), 100) < @percent
qualify row_number() over (partition by asin, search_query order by ingested_at desc) = 1
