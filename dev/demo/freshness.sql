select table_name as table, latest_period::text as newest_day, days_old, is_stale as stale
from check_data_freshness()
