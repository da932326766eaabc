"""Rejects as a file: all of them, as they came, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import json
from typing import Any

import psycopg
from fastapi.testclient import TestClient

from sqp_provider.core.contract import REJECT_REASONS
from tests.integration.status.conftest import PAGE
from tests.integration.status.log_rows import add_sync

MEANING = REJECT_REASONS["invalid_asin"]


def add_rejects(connection: psycopg.Connection[Any], sync: int, *raw: Any, reason: str = "invalid_asin") -> None:
    """Keep rejects of a run."""
    for each in raw:
        connection.execute(
            "insert into sync_rejects (sync_log_id, attempt, reason, raw) values (%s, 1, %s, %s)",
            [sync, reason, json.dumps(each)],
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
    add_rejects(connection, sync, {"asin": "B00TEST002"}, reason="too_old")
    assert list(csv.reader(lines(viewer, sync, "csv"))) == [
        ["attempt", "reason", "explanation", "asin", "clicks", "nested", "search_query"],
        ["1", "invalid_asin", MEANING, "'=cmd|' /C calc'!A0", "-5", "", 'a "b", c'],
        ["1", "invalid_asin", MEANING, "'+1", "", "", "' @SUM(A1)"],
        ["1", "invalid_asin", MEANING, "B00TEST001", "", '{"a": [1]}', "Ünïcode 🎧"],
        ["1", "too_old", "", "B00TEST002", "", "", ""],
    ]


def test_ndjson_is_what_came(viewer: TestClient, connection: psycopg.Connection[Any]) -> None:
    sync = add_sync(connection)
    add_rejects(connection, sync, {"asin": "=1"}, ["no", "object"])
    add_rejects(connection, sync, {}, reason="too_old")
    known, unknown = {"reason": "invalid_asin", "explanation": MEANING}, {"reason": "too_old", "explanation": None}
    assert [json.loads(line) for line in lines(viewer, sync, "ndjson")] == [
        {"attempt": 1, **known, "raw": {"asin": "=1"}},
        {"attempt": 1, **known, "raw": ["no", "object"]},
        {"attempt": 1, **unknown, "raw": {}},
    ]


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
    assert lines(viewer, add_sync(connection), "csv") == ["attempt,reason,explanation"]
