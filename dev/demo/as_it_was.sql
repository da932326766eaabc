-- The same week as it was published at a time.
select count(*) as rows, sum(total_impressions)::bigint as impressions
from weekly_as_of(%(week)s, %(at)s)
