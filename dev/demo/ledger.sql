select
    sync_type as type,
    period_start::text as period,
    state,
    row_count as rows,
    left(fingerprint, 12) as fingerprint,
    to_char(published_at, 'YYYY-MM-DD HH24:MI:SS') as published
from synced_period
order by array_position(array['weekly', 'monthly', 'quarterly'], sync_type::text), period_start
