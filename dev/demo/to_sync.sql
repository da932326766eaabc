select sync_type, period_start, status, row_count, source_row_count
from period_status
join period_type using (sync_type)
where status in ('missing', 'derived', 'restated', 'overwritten', 'outdated') and source_row_count > 0
order by step, period_start
