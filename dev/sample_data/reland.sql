-- The report lands again: identical copies of percent of the week's rows, hours later or (0) at the same time.
insert into `{table}`
select * replace (timestamp_add(ingested_at, interval @hours hour) as ingested_at)
from `{table}`
where start_date = @week
  and starts_with(asin, 'B0')
  and mod(cast(concat('0x', substr(to_hex(md5(concat(asin, '/', search_query))), 1, 12)) as int64), 100) < @percent
