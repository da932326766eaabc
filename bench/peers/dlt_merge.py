"""dlt's merge into Postgres from BigQuery, as Arrow. Runs in .bench/venv, which has dlt but not the project.

Reads a line of JSON from standard input and answers with one.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import dlt
import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from bench.memory import measured

KEYS = ["period_start", "query", "asin"]


def prepare(asked: dict[str, Any], folder: str) -> Callable[[], None]:
    """Return the step that merges the rows of a BigQuery table into a table that dlt creates."""
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "DESTINATION__POSTGRES__CREDENTIALS": asked["url"],
    }
    project, dataset, table = asked["table"].split(".")
    channel = grpc.insecure_channel(asked["storage_endpoint"], options=[("grpc.max_receive_message_length", -1)])
    client = BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))

    def week() -> Iterator[pa.Table]:
        session = client.create_read_session(
            parent=f"projects/{project}",
            read_session=types.ReadSession(
                table=f"projects/{project}/datasets/{dataset}/tables/{table}", data_format=types.DataFormat.ARROW
            ),
            max_stream_count=2,
        )
        for stream in session.streams:
            for page in client.read_rows(stream.name).rows(session).pages:
                yield pa.Table.from_batches([page.to_arrow()])

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
