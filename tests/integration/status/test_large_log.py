"""A sync_log of 100,000 rows: what the page asks grows with what it shows, never with the log."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from sqp_provider.core.period import SyncType
from tests.integration.status.conftest import PAGE
from tests.integration.status.several import newest_due

pytestmark = pytest.mark.long

ROWS = 100_000

FILL = """
insert into sync_log (
    sync_type, sync_status, started_at, completed_at, source_table, target_table, period_start, period_end,
    dag_id, run_id, records_processed, error_message
)
select
    type, case when mod(n, 50) = 0 then 'failed' else 'completed' end,
    now() - (%(rows)s - n) * interval '5 minutes', now() - (%(rows)s - n) * interval '5 minutes' + interval '9 seconds',
    'amazon.report', 'sqp.' || type || '_summary', first, first + 6, 'sqp_' || type || '_sync', 'manual__' || n, n,
    case when mod(n, 50) = 0 then 'failure number ' || n end
from generate_series(1, %(rows)s) as n
cross join lateral (values ('weekly', current_date - extract(dow from current_date)::integer - 7 * (1 + mod(n, 104))))
    as period (type, first)
"""


@pytest.fixture
def large_log(connection: psycopg.Connection[Any]) -> None:
    """Two years of weeks, each synced about a thousand times."""
    connection.execute(FILL, {"rows": ROWS})
    connection.execute("analyze sync_log")


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the page's connection executed."""
    executed: list[str] = []
    execute = psycopg.Connection.execute

    def noted(connection: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        executed.append(query if isinstance(query, str) else query.as_string())
        return execute(connection, query, *arguments, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", noted)
    return executed


WEEK = f"/period/weekly/{newest_due(SyncType.WEEKLY).first_day}"


@pytest.mark.usefixtures("large_log")
def test_pages_are_short_and_ask_few_statements(viewer: TestClient, statements: list[str]) -> None:
    for path, most in (
        ("/", 8),
        ("/history", 6),
        (f"/sync/{ROWS}", 7),
        ("/history?status=failed&text=number", 6),
        (WEEK, 8),
    ):
        statements.clear()
        answer = viewer.get(PAGE + path)
        assert answer.status_code == 200
        assert len(statements) <= most, statements
        assert len(answer.content) < 200_000


@pytest.mark.usefixtures("large_log")
def test_every_run_is_found_once_by_going_from_page_to_page(
    viewer: TestClient, connection: psycopg.Connection[Any]
) -> None:
    found: list[int] = []
    before = ""
    while True:
        page = viewer.get(
            f"{PAGE}/api/history?status=failed&period_from=2000-01-01&text=number 9&before={before}"
        ).json()
        found += [row["sync_log_id"] for row in page["rows"]]
        if page["next_before"] is None:
            break
        before = page["next_before"]
        connection.execute(  # a new run shifts nothing
            "insert into sync_log (sync_type, sync_status, source_table, target_table, error_message)"
            " values ('weekly', 'failed', 's', 't', 'failure number 9')"
        )
    expected = [n for n in range(ROWS, 0, -1) if n % 50 == 0 and str(n).startswith("9")]
    assert found == expected


@pytest.mark.usefixtures("large_log")
def test_a_page_of_the_history_reads_no_more_rows_than_it_shows(connection: psycopg.Connection[Any]) -> None:
    from sqp_provider.sql_files import named_statements

    values = dict.fromkeys(("sync_type", "status", "period_from", "period_to", "dag_id", "text"))
    explain = "explain (analyze, format json) " + named_statements("status")["history"]
    for before in (None, ROWS // 2):
        row = connection.execute(explain, values | {"before": before, "rows": 51}).fetchone()  # type: ignore[arg-type]
        assert row
        assert scanned(row[0][0]["Plan"]) == 51


def scanned(plan: dict[str, Any]) -> int:
    """The rows that the plan's scans returned or threw away."""
    below = sum(scanned(part) for part in plan.get("Plans", ()))
    own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) if "Scan" in plan["Node Type"] else 0
    return int(below + own)
