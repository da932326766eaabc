-- The newest week that has landed, whatever malformed rows beside it say.
select max(start_date) as week from `{table}` where end_date = date_add(start_date, interval 6 day)
