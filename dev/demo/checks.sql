select
    check_type as check,
    count(*) filter (where check_status = 'passed') as passed,
    count(*) filter (where check_status = 'warning') as warning,
    count(*) filter (where check_status = 'failed') as failed,
    coalesce(min(check_message) filter (where check_status <> 'passed'), '') as message
from data_quality_checks
join sync_log on sync_log.id = data_quality_checks.sync_log_id
where run_id = any(%(run_ids)s)
group by check_type
order by min(data_quality_checks.id)
