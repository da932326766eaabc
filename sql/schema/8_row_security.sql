-- Row security of the summary tables. A policy belongs on the table itself; Postgres applies it to whoever reads or writes
-- through the table, and none of a partition's. So each partition has row security without any policy: nobody but the
-- owner sees a row of it by its own name, and no name goes around a policy of the table. What creates partitions does
-- the same.


do $$
declare
    v_partitions regclass[] := array(
        select c.oid
        from period_type as t
        cross join pg_partition_tree(t.target_table::regclass) as tree
        join pg_class as c on c.oid = tree.relid
        where tree.parentrelid is not null and not c.relrowsecurity
    );
    v_partition regclass;
begin
    foreach v_partition in array v_partitions loop
        execute format('alter table %s enable row level security', v_partition);
    end loop;
end
$$;
