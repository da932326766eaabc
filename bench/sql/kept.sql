-- What the catalogue says of a contender's table.


-- name: table
select
    (
        select coalesce(
            array_agg(
                case when i.indisunique then 'unique ' else '' end
                || regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', '')
                order by i.indisunique desc, pg_get_indexdef(i.indexrelid)
            ), '{{}}'
        )
        from pg_index as i
        where i.indrelid = {table}::regclass
    ) as indexes,
    (
        -- Postgres 18 counts columns that may not be null among the constraints, 15 does not.
        select coalesce(array_agg(pg_get_constraintdef(k.oid) order by k.contype desc, k.conname), '{{}}')
        from pg_constraint as k
        where k.conrelid = {table}::regclass and k.contype <> 'n'
    ) as constraints,
    (
        select coalesce(array_agg(a.attname::text order by a.attnum), '{{}}')
        from pg_attribute as a
        where a.attrelid = {table}::regclass and a.attnum > 0 and not a.attisdropped and a.attnotnull
    ) as not_null;
