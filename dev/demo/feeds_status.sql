select
    feed,
    marketplace,
    sync_type as type,
    period_start::text as period,
    status,
    row_count as rows,
    source_row_count as at_the_source
from period_status
where state is not null
order by feed, period_start desc, sync_type
