select reason, count(*) as rows, left(min(raw ->> 'search_query'), 30) as example_query, min(raw ->> 'asin') as example_asin
from sync_rejects
where sync_log_id = %(sync_log_id)s
group by reason
order by reason
