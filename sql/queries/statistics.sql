-- What the planner knows of a partitioned table as a whole: autovacuum analyzes each partition, never the table.


-- name: outdated
-- Tables whose partitions have a tenth more or fewer rows than when the table was analyzed last.
select t.sync_type, t.target_table
from period_type as t
join pg_class as parent on parent.oid = t.target_table::regclass
cross join lateral (
    select sum(greatest(c.reltuples, 0)) as rows
    from partitions_of(parent.oid) as p
    join pg_class as c on c.oid = p.partition
) as found
where parent.relkind = 'p' and found.rows > 0 and abs(found.rows - parent.reltuples) > found.rows / 10
order by t.step;


-- name: analyze
-- Before Postgres 18 it analyzes the partitions again too.
analyze {table} (period_start, period_end, query, asin);


-- name: analyze_only
analyze only {table} (period_start, period_end, query, asin);
