-- The statements with which a person can repeat a check; recorded in data_quality_checks.check_query.


-- name: row_count
select count(*) from {table} where period_start = {first_day};


-- name: row_hash
select coalesce(bit_xor({row_hash}(asin, row({figures})::text, {query_and_extras})), 0)
from {table} where period_start = {first_day};


-- name: sum_validation
select sum({column}) from {table} where period_start = {first_day};


-- name: null_check
select count(*) from {table} where period_start = {first_day} and {column} is null;


-- name: duplicate_check
select count(*) - count(distinct (query, asin)) from {table} where period_start = {first_day};


-- name: range_check
select *
from {table}
where
    period_start = {first_day}
    and ({rates_too_large} or {shares_out_of_range} or total_clicks > total_impressions);


-- name: reject_rate
select reason, count(*) from {rejects} where sync_log_id = {sync_log_id} and attempt = {attempt} group by reason;


-- name: superseded_copies
select sync_metadata -> 'rows' as rows, sync_metadata -> 'snapshot' -> 'differing_rows' as differing_rows
from {log}
where id = {sync_log_id};


-- name: volume_anomaly
select period_start, row_count from {ledger} where sync_type = {sync_type} order by period_start desc;


-- name: asin_coverage
select asin
from {target}
where
    period_start = (
        select max(period_start)
        from {ledger}
        where sync_type = {sync_type} and period_start < {first_day} and state <> 'deleted'
    )
except
select asin from {table} where period_start = {first_day};
