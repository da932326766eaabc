select
    id as sync,
    sync_type as type,
    period_start::text as period,
    sync_status as status,
    coalesce(sync_metadata ->> 'outcome', '') as outcome,
    records_processed as processed,
    records_inserted as inserted,
    records_updated as updated,
    coalesce((sync_metadata ->> 'deleted')::integer, 0) as deleted,
    records_failed as rejects,
    to_char(extract(epoch from completed_at - started_at), 'FM990.0') || ' s' as took
from sync_log
where run_id = any(%(run_ids)s)
order by id
