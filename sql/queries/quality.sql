-- The staged side of the checks.


-- name: totals
-- All totals of some rows in one scan.
select
    count(*) as row_count,
    coalesce(
        bit_xor({row_hash}(asin, row({figures})::text, {query_and_extras})) filter (where {is_hashed}), 0
    ) as row_hash,
    {sums},
    {nulls},
    count(*) filter (where {rates_too_large}) as rates_too_large,
    count(*) filter (where {shares_out_of_range}) as shares_out_of_range,
    count(*) filter (where total_clicks > total_impressions) as clicks_above_impressions
from {rows} as rows;


-- name: key_is_enforced
-- A valid primary key proves that no key is there twice. Without one the keys must be counted.
select exists (
    select from pg_index as i
    where i.indrelid = {staged_text}::regclass and i.indisprimary and i.indisvalid
) as enforced;


-- name: key_count
select count(*) as key_count
from (select distinct period_start, query, asin from {staged}) as keys;


-- name: recent_row_counts
-- The last published periods before this one, newest first.
select row_count
from synced_period
where sync_type = %(sync_type)s and state = 'synced' and period_start < %(period_start)s
order by period_start desc
limit %(periods)s;


-- name: last_period_start
-- The newest published period before this one, derived or synced.
select max(period_start) as last_period_start
from synced_period
where sync_type = %(sync_type)s and period_start < %(period_start)s and state <> 'deleted';


-- name: missing_asins
-- ASINs of that period that the period will lack, the first ten by name.
select
    count(*) as asins,
    count(*) filter (where here.asin is null) as asins_missing,
    coalesce((array_agg(before.asin order by before.asin) filter (where here.asin is null))[1:10], '{{}}') as examples
from (select distinct asin from {target} where period_start = {last_period_start}) as before
left join {asins} as here on here.asin = before.asin;


-- name: forget_checks
-- A retried validate writes its checks again.
delete from data_quality_checks where sync_log_id = %(sync_log_id)s and attempt = %(attempt)s;


-- name: record_check
insert into data_quality_checks (
    sync_log_id, attempt, check_type, check_status, source_value, target_value, difference, difference_pct,
    table_name, column_name, check_query, check_message, check_metadata
)
values (
    %(sync_log_id)s, %(attempt)s, %(check_type)s, %(check_status)s, %(source_value)s, %(target_value)s,
    %(difference)s, %(difference_pct)s, %(table_name)s, %(column_name)s, %(check_query)s, %(check_message)s,
    %(check_metadata)s::jsonb
);


-- name: stored_hash
-- What a published period holds, to be compared with what was published.
select count(*) as row_count, coalesce(bit_xor({row_hash}(asin, row({figures})::text, {query_and_extras})), 0) as row_hash
from {target}
where period_start = {first_day};
