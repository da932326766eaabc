select sync_type, period_start, status, row_count, source_row_count
from period_status
where status in ('missing', 'derived', 'restated') and source_row_count > 0
order by array_position(array['weekly', 'monthly', 'quarterly'], sync_type), period_start
