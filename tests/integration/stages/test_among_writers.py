"""Somebody writes while a week is published: neither fails, and no figure of theirs is taken for the source's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sqp_provider.hooks import postgres
from sqp_provider.target.publication import Publication
from sqp_provider.target.target import Target
from tests.integration.sql.conftest import server_dsn  # noqa: F401 - every test runs on both versions of Postgres
from tests.landing import Landing, report_row
from tests.others import (
    Way,
    figures,
    land,
    let_in,
    listen,
    ready,
    refusals,
    session,
    stage,
    until,
    until_one_waits,
    with_target,
    wrong,
)
from tests.restatements import check
from tests.stages import Run, Stages

INSERT = (
    "insert into weekly_summary (period_start, period_end, query, asin, total_impressions, total_clicks)"
    " values ('2026-11-08', '2026-11-14', 'of theirs', 'B000000001', 1000, 7)"
)
PARTITIONS = {
    "weekly_summary": "weekly_summary_20261108",
    "monthly_summary": "monthly_summary_20261101",
    "quarterly_summary": "quarterly_summary_20261001",
}
NEW = ((4, 126), (4, 172), (4, 172))
ALL = ["weekly", "monthly", "quarterly"]


def write(stages: Stages, statement: str) -> Callable[[], None]:
    """Return an action of somebody who commits a statement."""

    def action() -> None:
        stages.query(statement)

    return action


def standing(stages: Stages) -> dict[str, str]:
    """Return the status of the week, its month and its quarter."""
    rows = stages.query(
        "select sync_type, status from period_status where (sync_type, period_start) in"
        " (('weekly', '2026-11-08'), ('monthly', '2026-11-01'), ('quarterly', '2026-10-01'))"
    )
    return {row["sync_type"]: row["status"] for row in rows}


def heal(stages: Stages) -> None:
    """Check as every day, and sync what the check asks for."""
    check(stages, sync_types=ALL, periods=4)
    for trigger in check(stages, sync_types=["weekly"], periods=4):
        assert stages.sync(trigger["conf"]["period_start"], max_delete_fraction=1).colour == "success"


def is_right_or_doubted(stages: Stages, run: Run, expected: tuple[Any, ...] = NEW) -> None:
    """The week is the source's, its month and quarter are its sum, or their status says that they are not.

    Then the daily check puts all of them right.
    """
    stages.run_task(run, "log_finish")
    stood = standing(stages)
    with session(stages.dsn) as reader:
        assert figures(reader)[0] == expected[0] or stood["weekly"] == "overwritten"
    for unit, sync_type in (("month", "monthly"), ("quarter", "quarterly")):
        is_wrong = any(row["unit"] == unit for row in wrong(stages))
        assert not is_wrong or stood[sync_type] in {"overwritten", "outdated"}
    heal(stages)
    assert wrong(stages) == []
    assert standing(stages) == {"weekly": "synced", "monthly": "derived", "quarterly": "derived"}
    with session(stages.dsn) as reader:
        assert figures(reader) == expected


@pytest.mark.parametrize("moment", ["_prepare", "_commit"])
def test_rows_that_come_while_a_week_is_prepared_are_compared(
    moment: str, landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready("attached", landing, stages)
    let_in(monkeypatch, Publication, moment, write(stages, INSERT))
    assert stages.run_task(run, "publish"), run.errors
    assert run["publish"] == {"how": "difference", "inserted": 4, "updated": 0, "deleted": 1, "unchanged": 0}
    assert wrong(stages) == []
    is_right_or_doubted(stages, run, ((4, 86), (4, 132), (4, 132)))


def test_rows_that_come_while_a_week_is_attached_wait_and_are_noticed(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer has begun before the partition is there, and must not be refused because it is there now."""
    run = ready("attached", landing, stages)
    written: list[Any] = []

    def begin() -> None:
        written.append(threads.submit(stages.query, INSERT))
        until_one_waits(stages)

    let_in(monkeypatch, Target, "put_in_place", begin)
    with ThreadPoolExecutor(1) as threads:
        assert stages.run_task(run, "publish"), run.errors
        assert written[0].result() == []
    assert run["publish"]["how"] == "attached"
    assert wrong(stages) == []
    with session(stages.dsn) as reader:
        assert figures(reader) == ((5, 93), (5, 139), (5, 139))
    is_right_or_doubted(stages, run, ((4, 86), (4, 132), (4, 132)))


def test_rows_that_are_not_committed_yet_make_a_publish_wait(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready("attached", landing, stages)
    heard, refused = listen(monkeypatch), refusals(monkeypatch)
    with session(stages.dsn, "loader") as writer, ThreadPoolExecutor(1) as threads:
        pid = writer.info.backend_pid
        writer.execute(INSERT)
        result = threads.submit(stages.run_task, run, "publish")
        until(lambda: len(refused) >= 7)
        writer.commit()
        assert result.result(), run.errors
    assert f"pid {pid} (application loader, login postgres" in heard.text
    assert run["publish"]["how"] == "difference"
    is_right_or_doubted(stages, run, ((4, 86), (4, 132), (4, 132)))


@pytest.mark.parametrize("named", ["the table", "its partition"])
@pytest.mark.parametrize("table", PARTITIONS)
@pytest.mark.parametrize("way", ["swapped", "difference"])
def test_an_update_that_is_committed_after_the_comparison_is_not_taken_for_published(
    way: Way, table: str, named: str, landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready(way, landing, stages)
    name = table if named == "the table" else PARTITIONS[table]
    first = {"weekly_summary": "2026-11-08", "monthly_summary": "2026-11-01", "quarterly_summary": "2026-10-01"}[table]
    statement = f"update {name} set total_clicks = 999 where query = 'query 2' and period_start = '{first}'"
    let_in(monkeypatch, Publication, "_commit", write(stages, statement))
    assert stages.run_task(run, "publish"), run.errors
    is_right_or_doubted(stages, run)


@pytest.mark.parametrize("named", ["the table", "its partition"])
@pytest.mark.parametrize("table", ["monthly_summary", "quarterly_summary"])
def test_an_update_of_a_month_that_is_committed_while_a_week_of_it_is_published_is_put_right(
    table: str, named: str, landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publish changes another row of the month, and waits only to say in the ledger that it has summed it."""
    land(landing, clicks=20)
    assert stages.sync("2026-11-08").colour == "success"
    landing.land(report_row("query 1", asin_click_count=500, ingested_at="2026-11-25T06:00:00Z"))
    run = stage(stages)
    name = table if named == "the table" else PARTITIONS[table]
    monkeypatch.setattr(postgres, "MOMENT_SECONDS", 30.0)
    with session(stages.dsn, "loader") as writer, ThreadPoolExecutor(1) as threads:
        writer.execute(f"update {name} set total_clicks = 999 where query = 'query 2'".encode())
        result = threads.submit(stages.run_task, run, "publish")
        until_one_waits(stages)
        writer.commit()
        assert result.result(), run.errors
    assert run["publish"]["updated"] == 1
    assert standing(stages)[table.removesuffix("_summary")] == "derived"
    assert wrong(stages) == []


@pytest.mark.parametrize("way", ["swapped", "difference"])
def test_when_the_time_is_up_the_task_says_who_writes_and_clearing_it_publishes(
    way: Way, landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready(way, landing, stages)
    with_target(stages, lock_timeout_seconds=1)
    before = stages.target()
    with session(stages.dsn, "loader") as writer:
        writer.execute("update weekly_summary set total_clicks = 999 where query = 'query 2'")
        assert not stages.run_task(run, "publish")
        stages.run_task(run, "log_finish")
        assert f"pid {writer.info.backend_pid} (application loader, login postgres" in str(run.errors["publish"])
        assert "The target is unchanged, and what is staged stays." in str(run.errors["publish"])
        assert stages.target() == before
        writer.rollback()
    assert stages.log(run)["error_details"]["type"] == "TargetBusy"
    stages.clear(run, "publish")
    assert (run.colour, run["publish"]["updated"]) == ("success", 4), run.errors
    assert run.ran == {"log_start", "publish", "log_finish"}
    is_right_or_doubted(stages, run)


def test_whoever_writes_again_and_again_stops_a_publish_when_the_time_is_up(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready("difference", landing, stages)
    with_target(stages, lock_timeout_seconds=1)
    clicks = iter(range(1000, 10000))
    commit = Publication._commit

    def disturbed(self: Publication) -> Any:
        stages.query(f"update weekly_summary set total_clicks = {next(clicks)} where period_start = '2026-11-08'")
        return commit(self)

    with monkeypatch.context() as patch:
        patch.setattr(Publication, "_commit", disturbed)
        assert not stages.run_task(run, "publish")
    stages.run_task(run, "log_finish")
    assert "somebody has written to weekly 2026-11-08..2026-11-14 meanwhile, again and again" in str(
        run.errors["publish"]
    )
    stages.clear(run, "publish")
    assert run.colour == "success", run.errors
    is_right_or_doubted(stages, run)
