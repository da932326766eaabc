-- copies rows of each kind in kinds. A row is valid except for what its kind names. The query has kind and number,
-- unless the kind changes the query. `conflicting_copies` are two rows each.
insert into `{table}`
with numbered as (
  select kind, number, copy, concat('malformed ', kind, ' ', cast(number as string)) as name
  from unnest(@kinds) as kind
  cross join unnest(generate_array(1, @copies)) as number
  cross join unnest([0, 1]) as copy
  where copy = 0 or kind = 'conflicting_copies'
)


select
  case kind
    when 'start_date_null' then null
    when 'start_date_on_monday' then date_add(@week, interval 1 day)
    else @week
  end,
  date_add(@week, interval if(kind = 'end_date_not_saturday', 5, 6) day),
  case kind
    when 'asin_null' then null
    when 'asin_bad_characters' then format('X0#%05d-?', number)
    when 'asin_lower_case' then format(' x0lower%03d ', number)
    else format('X0BAD%05d', number)
  end,
  case kind
    when 'query_empty' then ''
    when 'query_white_space' then ' \t\n '
    when 'query_nul' then concat(name, code_points_to_string([0]), 'after')
    when 'query_too_long' then concat(name, repeat(' so very long', 250))
    else name
  end,
  999,
  50,
  1000,
  case kind
    when 'negative_count' then -1
    else 40 + copy
  end,
  100000,
  if(kind = 'count_too_large', 100000000001, 4),
  30,
  2,
  10,
  1,
  timestamp_add(timestamp(@week), interval (24 * @landed_after_days + 6) hour)
from numbered
