-- The table of the contenders: a plain table with the target's columns, key and indexes.


-- name: create_schema
create schema if not exists bench_peer;


-- name: drop_table
drop table if exists bench_peer.week;


-- name: create_table
create table bench_peer.week (like sqp.weekly_summary including all);


-- name: upsert
insert into bench_peer.week ({columns}) values %s
on conflict (period_start, query, asin) do update set ({measures}) = row({excluded}), updated_at = current_timestamp;


-- name: drop_dlt
drop schema if exists {schema} cascade;


-- name: count_rows
select count(*) as rows from {table};
