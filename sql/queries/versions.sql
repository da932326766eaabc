-- What a publish keeps of what it changed; the functions are in schema/7_history.sql.


-- name: begin
select begin_version() as version;


-- name: end
select end_version(%(version)s, %(parts)s::jsonb);


-- name: stamp
select stamp_version(%(version)s);


-- name: kept_changes
-- How many rows one statement may change for its changes to be kept.
select kept_changes from period_type where sync_type = %(sync_type)s;


-- name: was_published
-- Whether a version of the period can be asked for.
select coalesce(
    (
        select how <> 'deleted' from period_version
        where sync_type = %(sync_type)s and period_start = %(period_start)s
        order by version desc
        limit 1
    ),
    false
) as found;


-- name: create_kept
-- What a partition that takes the place of another one, or of rows that are gone, changes. A row that did not change kept
-- all its columns, updated_at included.
create unlogged table {kept} as
select
    coalesce(o.query, n.query)::text as query,
    coalesce(o.asin, n.asin)::text as asin,
    case when o.query is null then 'inserted' when n.query is null then 'deleted' else 'updated' end as change,
    case when o.query is not null then {before}::jsonb end as before,
    case when n.query is not null then {after}::jsonb end as after
from (select * from {target} where period_start = {first_day}) as o
full join {partition} as n on n.query = o.query and n.asin = o.asin
where o.query is null or n.query is null or o.updated_at is distinct from n.updated_at
limit {limit};


-- name: row_as_json
select
    row_as_json({target_text}::regclass, 'o', 'n') as before,
    row_as_json({target_text}::regclass, 'n', 'o') as after;


-- name: count_kept
select
    count(*) filter (where change = 'inserted') as inserted,
    count(*) filter (where change = 'updated') as updated,
    count(*) filter (where change = 'deleted') as deleted
from {kept};


-- name: count_rows
-- What a sum had and has, where its changes are too many to be compared.
select
    (select count(*) from {target} where period_start = {first_day}) as rows_before,
    (select count(*) from {partition}) as rows_after;


-- name: copy_kept
insert into period_change (sync_type, period_start, query, asin, change, before, after, version)
select %(sync_type)s, %(period_start)s, query, asin, change, before, after, %(version)s
from {kept};


-- name: has_asins
select exists (select from {asins}) as found;


-- name: asins
select count(*) as asins from ({asins}) as asins;


-- name: totals
select jsonb_build_object(
    'rows', count(*),
    'asins', (select count(*) from (select asin from {rows} as rows group by asin) as asins),
    'total_impressions', coalesce(sum(total_impressions::bigint), 0),
    'total_clicks', coalesce(sum(total_clicks::bigint), 0),
    'total_cart_adds', coalesce(sum(total_cart_adds::bigint), 0),
    'total_purchases', coalesce(sum(total_purchases::bigint), 0)
) as totals
from {rows} as rows;
