"""Rejects as a file: all of them, as they came, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import json
from typing import Any

import psycopg
from fastapi.testclient import TestClient

from tests.integration.status.conftest import PAGE, add_sync


def add_rejects(connection: psycopg.Connection[Any], sync: int, *raw: Any) -> None:
    """Keep rejects of a run."""
    for each in raw:
        connection.execute(
            "insert into sync_rejects (sync_log_id, attempt, reason, raw) values (%s, 1, 'malformed asin', %s)",
            [sync, json.dumps(each)],
        )


def lines(viewer: TestClient, sync: int, kind: str) -> list[str]:
    """The downloaded file's lines."""
    answer = viewer.get(f"{PAGE}/sync/{sync}/rejects?format={kind}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="sqp_rejects_{sync}.{kind}"'
    return answer.text.splitlines()


def test_csv_runs_no_formula_and_keeps_numbers(viewer: TestClient, connection: psycopg.Connection[Any]) -> None:
    sync = add_sync(connection)
    add_rejects(
        connection,
        sync,
        {"asin": "=cmd|' /C calc'!A0", "clicks": -5, "search_query": 'a "b", c'},
        {"asin": "+1", "clicks": None, "search_query": " @SUM(A1)"},
        {"asin": "B00TEST001", "nested": {"a": [1]}, "search_query": "Ünïcode 🎧"},
    )
    assert list(csv.reader(lines(viewer, sync, "csv"))) == [
        ["attempt", "reason", "asin", "clicks", "nested", "search_query"],
        ["1", "malformed asin", "'=cmd|' /C calc'!A0", "-5", "", 'a "b", c'],
        ["1", "malformed asin", "'+1", "", "", "' @SUM(A1)"],
        ["1", "malformed asin", "B00TEST001", "", '{"a": [1]}', "Ünïcode 🎧"],
    ]


def test_ndjson_is_what_came(viewer: TestClient, connection: psycopg.Connection[Any]) -> None:
    sync = add_sync(connection)
    add_rejects(connection, sync, {"asin": "=1"}, ["no", "object"])
    found = [json.loads(line)["raw"] for line in lines(viewer, sync, "ndjson")]
    assert found == [{"asin": "=1"}, ["no", "object"]]


def test_a_download_of_several_batches_has_every_row_once(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    sync, other = add_sync(connection), add_sync(connection)
    connection.execute(
        "insert into sync_rejects (sync_log_id, attempt, reason, raw)"
        " select case when mod(n, 2) = 0 then %s else %s end, 1, 'x', jsonb_build_object('n', n)"
        " from generate_series(1, 5000) as n",
        [sync, other],
    )
    found = [json.loads(line)["raw"]["n"] for line in lines(viewer, sync, "ndjson")]
    assert found == list(range(2, 5001, 2))


def test_a_run_without_rejects_has_a_heading_only(viewer: TestClient, connection: psycopg.Connection[Any]) -> None:
    assert lines(viewer, add_sync(connection), "csv") == ["attempt,reason"]
