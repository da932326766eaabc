-- What a snapshot changes in a published period, found before any of its rows is loaded: by the hash of each row, from
-- both sides.


-- name: create_hashes
-- The hashes of the snapshot's rows. Unlogged and not temporary, so that several processes can read it.
create unlogged table {hashes} (row_hash bigint not null);


-- name: analyze_hashes
analyze {hashes};


-- name: create_differing
-- Each side's rows that the other one lacks: hashes that arrived, and keys of published rows. The hash is a column of the
-- inner query, because as an expression of the join it would be computed twice, once to find a partner and once to
-- compare with it.
create unlogged table {differing} as
select h.row_hash as arrived, c.query, c.asin
from {hashes} as h
full join (
    select query, asin, {row_hash} as row_hash
    from {target}
    where period_start = {first_day}
) as c on c.row_hash = h.row_hash
where h.row_hash is null or c.asin is null;


-- name: count_differing
select count(arrived) as arrived, count(asin) as gone from {differing};


-- name: create_kept
-- The published rows that stay: those that have the hash of a row of the snapshot. Says of which snapshot, and of which
-- version of the period.
create unlogged table {kept} as
select
    {job_id}::text as job_id,
    {version}::text as version,
    {gone}::bigint as gone,
    count(*) - {arrived} as row_count,
    bit_xor(row_hash) # (select coalesce(bit_xor(arrived), 0) from {differing}) as row_hash
from {hashes};


-- name: arrived
select arrived from {differing} where arrived is not null;


-- name: analyze_differing
analyze {differing};


-- name: read_kept
select job_id, version, gone, row_count, row_hash from {kept};


-- name: whole
-- The period as it will be: the published rows that stay, and the staged ones.
(
    select {columns}
    from {target} as t
    where t.period_start = {first_day} and not exists (
        select from {differing} as d where d.query = t.query and d.asin = t.asin
    )
    union all
    select {columns}
    from {staged}
)


-- name: published
-- What is published now.
(select * from {target} where period_start = {first_day})


-- name: asins
-- The ASINs of the period as it will be: those of which rows are left.
select asin
from (
    select asin, count(*) as row_count from {target} where period_start = {first_day} group by asin
    union all
    select asin, -count(*) from {differing} where asin is not null group by asin
    union all
    select asin, count(*) from {staged} group by asin
) as counted
group by asin
having sum(row_count) > 0


-- name: differing_rows
-- The published rows that do not stay.
(
    select c.*
    from {differing} as d
    join {target} as c on c.period_start = {first_day} and c.query = d.query and c.asin = d.asin
)


-- name: count_repeated
-- Staged rows whose key a row that stays has too.
select count(*) as repeated
from {staged} as s
join {target} as t on t.period_start = {first_day} and t.query = s.query and t.asin = s.asin
where not exists (select from {differing} as d where d.query = s.query and d.asin = s.asin);
