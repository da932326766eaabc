-- The row of a week that most people saw.
select query, asin
from weekly_summary
where period_start = %(period_start)s
order by total_impressions desc, query, asin
limit 1;
