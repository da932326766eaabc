"""INSERT ... ON CONFLICT DO UPDATE, with 1,000 rows and a commit for each statement, as people write it by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg2
import pyarrow as pa
from psycopg import sql
from psycopg2.extras import execute_values

from bench.rows import WEEK
from bench.statements import statement

BATCH_ROWS = 1_000


def prepare(dsn: str, arrow_file: Path, rows: int) -> Callable[[], None]:
    """Return the step that inserts the file's first rows into ``bench_peer.week``."""
    table = pa.ipc.open_file(pa.memory_map(str(arrow_file))).read_all().slice(0, rows)
    measures = [name for name in table.column_names if name not in ("query", "asin")]
    columns = ["period_start", "period_end", *table.column_names]
    upsert = statement(
        "peers",
        "upsert",
        columns=_list(columns),
        measures=_list(measures),
        excluded=sql.SQL(", ").join(sql.Identifier("excluded", name) for name in measures),
    ).as_string()
    period = (WEEK, WEEK + timedelta(days=6))
    connection = psycopg2.connect(dsn)

    def step() -> None:
        with connection.cursor() as cursor:
            for batch in table.to_batches(max_chunksize=BATCH_ROWS):
                values = [(*period, *row.values()) for row in batch.to_pylist()]
                execute_values(cursor, upsert, values, page_size=BATCH_ROWS)
                connection.commit()

    return step


def _list(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
