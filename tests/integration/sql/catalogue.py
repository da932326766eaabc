"""What a schema holds, as sorted lines of text: two schemas are the same if these are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import psycopg

QUERIES = {
    "columns": """
        select concat_ws(' ',
            c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
            'collate ' || nullif(l.collname, 'default'),
            case when a.attnotnull then 'not null' end,
            'default ' || pg_get_expr(d.adbin, d.adrelid),
            'generated ' || nullif(a.attgenerated::text, ''), 'identity ' || nullif(a.attidentity::text, '')
        )
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_collation as l on l.oid = a.attcollation
        left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
    """,
    "tables": """
        select concat_ws(' ',
            c.relkind, c.relname, c.relpersistence, array_to_string(c.reloptions, ','), c.relrowsecurity,
            pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid)
        )
        from pg_class as c
        where c.relnamespace = current_schema()::regnamespace and c.relkind <> 'i'
    """,
    "constraints": """
        select concat_ws(' ', c.relname, k.conname, pg_get_constraintdef(k.oid), k.convalidated)
        from pg_constraint as k
        join pg_class as c on c.oid = k.conrelid
        where c.relnamespace = current_schema()::regnamespace and k.contype <> 'n'  -- not null is among the columns
    """,
    "indexes": """
        select concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid)
        from pg_index as i
        join pg_class as c on c.oid = i.indexrelid
        where c.relnamespace = current_schema()::regnamespace
    """,
    "functions": """
        select pg_get_functiondef(p.oid)
        from pg_proc as p
        where p.pronamespace = current_schema()::regnamespace
    """,
    "views": """
        select concat(c.relname, ' ', pg_get_viewdef(c.oid))
        from pg_class as c
        where c.relnamespace = current_schema()::regnamespace and c.relkind in ('v', 'm')
    """,
    "triggers": """
        select concat(pg_get_triggerdef(t.oid), ' ', t.tgenabled)
        from pg_trigger as t
        join pg_class as c on c.oid = t.tgrelid
        where c.relnamespace = current_schema()::regnamespace and not t.tgisinternal
    """,
    "privileges": """
        select concat_ws(' ', name, privilege) from (
            select c.relname, c.relacl from pg_class as c where c.relnamespace = current_schema()::regnamespace
            union all
            select p.oid::regprocedure::text, p.proacl
            from pg_proc as p
            where p.pronamespace = current_schema()::regnamespace
            union all
            select 'schema', n.nspacl from pg_namespace as n where n.oid = current_schema()::regnamespace
        ) as object (name, acl), unnest(acl) as privilege
    """,
    "comments": """
        select concat_ws(' ', pg_describe_object(classoid, objoid, objsubid), description)
        from pg_description
        where
            objoid in (select oid from pg_class where relnamespace = current_schema()::regnamespace)
            or objoid in (select oid from pg_proc where pronamespace = current_schema()::regnamespace)
            or objoid in (select conindid from pg_constraint where connamespace = current_schema()::regnamespace)
    """,
    "period types": "select concat_ws(' ', t.*::text) from period_type as t",
}
"""One query for each kind of object; each names what it finds without the schema."""


def catalogue(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Return the lines of each kind, of the first schema of the search_path; its name is cut out."""
    (schema,) = connection.execute("select current_schema()").fetchone() or ("",)

    def lines(query: str) -> Iterator[str]:
        for (line,) in connection.execute(cast("Any", query)).fetchall():
            line = str(line).replace(f"{schema}.", "").replace(f"search_path TO '{schema}'", "search_path TO this")
            yield re.sub(rf"\b{schema}_(owner|writer|reader)\b", r"this_\1", line)

    return {kind: sorted(lines(query)) for kind, query in QUERIES.items()}
