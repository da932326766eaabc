-- Other spellings of the week's rows most shown queries of two words or more, three each: upper case,
-- doubled inner spaces, tabs and surrounding white space. Normalisation merges them with the original.
insert into `{table}`
select original.* replace (
  case spelling
    when 'upper case' then upper(original.search_query)
    when 'doubled spaces' then replace(original.search_query, ' ', '  ')
    else concat(' ', replace(original.search_query, ' ', '\t'), '\n')
  end as search_query,
  div(search_query_volume, 10) as search_query_volume,
  div(total_query_impression_count, 10) as total_query_impression_count,
  div(asin_impression_count, 10) as asin_impression_count,
  div(total_click_count, 10) as total_click_count,
  div(asin_click_count, 10) as asin_click_count,
  div(total_cart_add_count, 10) as total_cart_add_count,
  div(asin_cart_add_count, 10) as asin_cart_add_count,
  div(total_purchase_count, 10) as total_purchase_count,
  div(asin_purchase_count, 10) as asin_purchase_count
)
from (
  select *
  from `{table}`
  where start_date = @week
    and starts_with(asin, 'B0')
    and regexp_contains(search_query, r'^[a-z0-9]+( [a-z0-9]+)+$')
  qualify row_number() over (partition by asin, search_query order by ingested_at desc) = 1
  order by asin_impression_count desc, asin, search_query
  limit @rows
) as original
cross join unnest(['upper case', 'doubled spaces', 'tabs']) as spelling
