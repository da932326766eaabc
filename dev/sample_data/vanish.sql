-- percent of the week's queries disappear with all their copies; restate.sql changes other queries.
delete from `{table}`
where start_date = @week
  and starts_with(asin, 'B0')
  and mod(cast(concat('0x', substr(to_hex(md5(search_query)), 1, 12)) as int64), 100) >= 100 - @percent
