-- Valid rows with the queries in texts, which must arrive unchanged.
insert into `{table}`
select
  @week,
  date_add(@week, interval 6 day),
  'X0UNUSUAL1',
  search_query,
  900 + number,
  100,
  1000,
  50 + number,
  100,
  20,
  30,
  6,
  10,
  1,
  timestamp_add(timestamp(@week), interval (24 * @landed_after_days + 6) hour)
from unnest(@texts) as search_query with offset as number
