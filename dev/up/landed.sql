-- Whether the source has a week.
select count(*) as row_count from `{table}` where start_date = @week
