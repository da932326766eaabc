"""A sync_log of 100,000 rows: freshness and alerts find what they ask for by an index, and never read the whole log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from sqp_provider.sql_files import named_statements
from tests.integration.status.test_large_log import FILL, ROWS

pytestmark = pytest.mark.long

Connection = psycopg.Connection[Any]

NOTIFIED = """
insert into sent_alert (kind, subject, cause, title, sent_at)
select 'failed', concat(sync_type, ' ', period_start, '..', period_end), 'extract SourceEmpty',
    'told', now() - interval '1 year'
from sync_log
where sync_status = 'failed'
group by sync_type, period_start, period_end
order by period_start desc
limit 8
"""


@pytest.fixture
def large_log(connection: Connection) -> Connection:
    """Two years of weeks, each synced about a thousand times; of eight a failure was told a year ago."""
    connection.execute(FILL, {"rows": ROWS})  # type: ignore[arg-type]
    connection.execute(NOTIFIED)  # type: ignore[arg-type]
    connection.execute("analyze sync_log; analyze sent_alert")
    return connection


def test_no_statement_reads_the_whole_log(large_log: Connection) -> None:
    failed = {"sync_log_id": ROWS, "subject": "weekly 2026-11-08..2026-11-14"}
    statements: dict[str, tuple[str, dict[str, Any] | None]] = {
        "finished_run": (alert("finished_run"), failed),
        "resolve_overtaken": (alert("resolve_overtaken"), failed),
        "recovered_runs": (alert("recovered_runs"), None),
    }
    for name, (statement, values) in statements.items():
        row = large_log.execute(f"explain (analyze, format json) {statement}", values).fetchone()
        assert row
        scans = list(scans_of_the_log(row[0][0]["Plan"]))
        assert scans, name
        assert [scan["Node Type"] for scan in scans if scan["Node Type"] == "Seq Scan"] == [], name
        assert sum(rows_read(scan) for scan in scans) < ROWS / 5, name


def test_freshness_finds_the_last_run_of_each_type_by_the_index(large_log: Connection) -> None:
    counted = "select seq_scan, coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables where relname = 'sync_log'"
    scans, fetched = large_log.execute(counted).fetchone() or (0, 0)
    assert len(large_log.execute("select * from table_freshness()").fetchall()) == 3
    assert (large_log.execute(counted).fetchone() or (0, 0))[0] == scans
    assert 0 < (large_log.execute(counted).fetchone() or (0, 0))[1] - fetched < ROWS / 5


def alert(name: str) -> str:
    return named_statements("alerts")[name].replace("{{", "{").replace("}}", "}")


def scans_of_the_log(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a plan that read sync_log."""
    if plan.get("Relation Name") == "sync_log":
        yield plan
    for part in plan.get("Plans", ()):
        yield from scans_of_the_log(part)


def rows_read(scan: dict[str, Any]) -> float:
    """The rows that a scan returned or threw away, in all its loops."""
    return float((scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"])
