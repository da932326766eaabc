"""dlt's merge into Postgres from Arrow. Runs in .bench/venv, which has dlt and nothing of the project's.

Reads a line of JSON from standard input and answers with one.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import dlt
import pyarrow as pa

from bench.memory import measured

KEYS = ["period_start", "query", "asin"]


def prepare(asked: dict[str, Any], folder: str) -> Callable[[], None]:
    """Return the step: the file's first rows merged into a table that dlt makes for itself."""
    first_day = date.fromisoformat(asked["period_start"])
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "DESTINATION__POSTGRES__CREDENTIALS": asked["url"],
    }

    def week() -> Iterator[pa.Table]:
        rows_left = asked["rows"]
        reader = pa.ipc.open_file(pa.memory_map(asked["arrow_file"]))
        for number in range(reader.num_record_batches):
            table = pa.table(reader.get_batch(number)).slice(0, rows_left)
            rows_left -= table.num_rows
            for name, day in (("period_start", first_day), ("period_end", first_day + timedelta(days=6))):
                table = table.append_column(name, pa.repeat(pa.scalar(day), table.num_rows))
            yield table
            if not rows_left:
                return

    pipeline = dlt.pipeline("bench", pipelines_dir=folder, destination="postgres", dataset_name=asked["schema"])
    resource = dlt.resource(
        week,
        name="week",
        primary_key=KEYS,
        write_disposition={"disposition": "merge", "strategy": asked["strategy"]},
    )

    def step() -> None:
        pipeline.run(resource, loader_file_format=asked["file_format"]).raise_on_failed_jobs()

    return step


def main() -> None:
    """Answer one request."""
    asked = json.loads(sys.stdin.readline())
    with tempfile.TemporaryDirectory() as folder:
        found = measured(prepare(asked, folder))
    print(json.dumps(asdict(found) | {"result": dlt.__version__}))


if __name__ == "__main__":
    main()
