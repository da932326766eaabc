select
    sync_type as type,
    period_start::text as period,
    status,
    case when trusted then 'yes' else 'no' end as trusted,
    why,
    row_count as rows,
    source_row_count as at_source,
    sync_log_id as sync,
    to_char(published_at, 'HH24:MI:SS') as published
from period_status
join period_type using (sync_type)
where state is not null or source_row_count > 0
order by step, period_start
