"""A published period loads only the rows that changed at the source, and all of it where that cannot be trusted."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from google.api_core.exceptions import PermissionDenied
from google.cloud.bigquery_storage_v1 import BigQueryReadClient

from sqp_provider.core.errors import SourceUnreachable, SourceUnusable, Superseded
from sqp_provider.failures import ExplainedFailure
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.operators.staged_period import StagedPeriod
from sqp_provider.source.snapshot_reader import SnapshotReader
from sqp_provider.source.table import Source
from sqp_provider.target.changes import Changes
from sqp_provider.target.open_runs import OpenRuns
from sqp_provider.target.preparation import Preparation
from sqp_provider.target.target import Target
from tests.fixtures import connection_to
from tests.integration.sql.conftest import server_dsn  # noqa: F401 - every test runs on both versions of Postgres
from tests.integration.stages.test_ddl import WATCH, Watched
from tests.integration.stages.test_reruns import versions
from tests.landing import WEEK, Landing, report_row
from tests.others import let_in, with_target, wrong
from tests.pooler import STATE, other_clients, pooled
from tests.stages import Run, Stages

LATER = {"ingested_at": "2026-11-21T00:00:00Z"}
TEN = [report_row(f"query {n}") for n in range(10)]
RESTATED = [report_row("query 0", asin_click_count=51, **LATER), *TEN[1:9], report_row("new")]
"""One row is restated, one is gone and one is new."""

DIFFERENCE = {"how": "difference", "inserted": 1, "updated": 1, "deleted": 1, "unchanged": 8}


WRITE = "update weekly_summary set total_clicks = 1 where query = 'query 3'"
UNSEEN = "set session_replication_role = replica; "
"""With this a superuser writes what no trigger sees."""


def unreachable(*_: Any, **__: Any) -> Any:
    """What BigQuery says when it does not answer."""
    raise SourceUnreachable("BigQuery did not answer")


def clicks(stages: Stages) -> dict[str, int]:
    """The published clicks of each query."""
    return {row["query"]: row["total_clicks"] for row in stages.target()}


@pytest.fixture
def week(landing: Landing, stages: Stages) -> Stages:
    """A published week of ten rows, of which every restatement is compared first."""
    with_target(stages, compare_above_rows=0, max_delete_fraction=1.0)
    landing.land(*TEN)
    assert stages.sync(WEEK).colour == "success"
    return stages


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """What is read through the Storage Read API: the tables' endings and the columns."""
    found: list[tuple[str, tuple[str, ...]]] = []
    accepted = SnapshotReader.accepted

    def noted(self: SnapshotReader, columns: Any, prepared: Any) -> Any:
        found.append(("changes" if self.table.endswith("_changes") else "snapshot", tuple(columns)))
        return accepted(self, columns, prepared)

    monkeypatch.setattr(SnapshotReader, "accepted", noted)
    return found


def staged_until(stages: Stages, last: str) -> Run:
    """Run the stages of a new run up to one of them."""
    run = stages.new_run(WEEK)
    tasks = ("log_start", "extract", "load", "validate")
    for task_id in tasks[: tasks.index(last) + 1]:
        assert stages.run_task(run, task_id), run.errors
    return run


def finish(stages: Stages, run: Run, *tasks: str) -> Run:
    for task_id in (*tasks, "log_finish"):
        assert stages.run_task(run, task_id), run.errors
    return run


def test_only_what_changed_is_loaded_and_written(
    landing: Landing, week: Stages, read: list[tuple[str, tuple[str, ...]]]
) -> None:
    before = versions(week)
    landing.replace(*RESTATED)
    run = week.sync(WEEK)
    assert run["load"]["rows"] == 2
    assert run["publish"] == DIFFERENCE
    assert [table for table, _ in read] == ["snapshot", "changes"]
    assert read[0][1] == ("row_hash",)
    after = versions(week)
    assert {query for query in after if after[query] == before.get(query)} == {f"query {n}" for n in range(1, 9)}
    assert {row["query"]: row["total_clicks"] for row in week.target()}["query 0"] == 51
    assert wrong(week) == []
    checks = week.query(
        "select check_type, check_status from data_quality_checks where sync_log_id = %s", run["log_start"]
    )
    assert {row["check_status"] for row in checks if row["check_type"] in ("row_count", "row_hash", "sum_check")} == {
        "passed"
    }
    assert week.query("select relname from pg_class where relnamespace = 'sqp_staging'::regnamespace") == []


def test_the_checks_are_those_of_a_whole_load(landing: Landing, week: Stages) -> None:
    """Source and target values of every check, whether the week was compared first or not."""
    statement = (
        "select check_type, column_name, check_status, source_value, target_value from data_quality_checks"
        " where sync_log_id = %s and check_type <> 'superseded_copies' order by 1, 2"
    )
    landing.replace(*RESTATED)
    changed = week.query(statement, week.sync(WEEK)["log_start"])
    landing.replace(*TEN)
    assert week.sync(WEEK).colour == "success"
    with_target(week, compare_above_rows=1000)
    landing.replace(*RESTATED)
    whole = week.sync(WEEK)
    assert whole["load"]["rows"] == 10
    assert week.query(statement, whole["log_start"]) == changed


def test_rows_that_only_vanish_load_nothing(landing: Landing, week: Stages) -> None:
    landing.replace(*TEN[:7])
    run = week.sync(WEEK)
    assert (run["load"]["rows"], run["publish"]["deleted"], len(week.target())) == (0, 3, 7)
    assert wrong(week) == []


def test_a_new_reject_confirms_the_rows_and_loads_none(landing: Landing, week: Stages) -> None:
    week.settings = week.settings.model_copy(
        update={"checks": week.settings.checks.model_copy(update={"reject_rate_fail": 1.0})}
    )
    landing.land(report_row("malformed", asin="?"))
    before = versions(week)
    run = week.sync(WEEK)
    assert (run["load"]["rows"], run["load"]["rejects_kept"]) == (0, 1)
    assert run["publish"] == {"how": "difference", "inserted": 0, "updated": 0, "deleted": 0, "unchanged": 10}
    assert versions(week) == before
    assert week.sync(WEEK).states["load"] == "skipped"


def test_where_much_differs_the_whole_week_is_loaded(
    landing: Landing, week: Stages, read: list[tuple[str, tuple[str, ...]]]
) -> None:
    with_target(week, swap_above_rows=1, swap_above_fraction=0.1)
    landing.replace(*(report_row(f"query {n}", asin_click_count=51) for n in range(10)))
    run = week.sync(WEEK)
    assert (run["load"]["rows"], run["publish"]["how"]) == (10, "swapped")
    assert [table for table, _ in read] == ["snapshot", "snapshot"]
    assert {row["total_clicks"] for row in week.target()} == {51}


@pytest.mark.parametrize(
    "reason",
    ["small", "forced", "written to", "never published"],
)
def test_a_week_that_cannot_be_compared_is_loaded_whole(
    reason: str, landing: Landing, week: Stages, read: list[tuple[str, tuple[str, ...]]]
) -> None:
    landing.replace(*RESTATED)
    if reason == "small":
        with_target(week, compare_above_rows=10)
    if reason == "written to":
        week.query("update weekly_summary set total_clicks = 1 where query = 'query 3'")
    if reason == "never published":
        week.query("delete from weekly_summary")
    run = week.sync(WEEK, force=reason == "forced")
    assert run["load"]["rows"] == 10
    assert [table for table, _ in read] == ["snapshot"]
    assert {row["query"]: row["total_clicks"] for row in week.target()}["query 3"] == 50
    assert len(week.target()) == 10


@pytest.mark.parametrize("last", ["load", "validate"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_who_writes_after_the_comparison_is_noticed_and_the_whole_week_is_loaded(
    last: str, dry_run: bool, landing: Landing, week: Stages, read: list[tuple[str, tuple[str, ...]]]
) -> None:
    landing.replace(*RESTATED)
    run = week.new_run(WEEK, dry_run=dry_run)
    tasks = ("log_start", "extract", "load", "validate")
    for task_id in tasks[: tasks.index(last) + 1]:
        assert week.run_task(run, task_id), run.errors
    week.query("update weekly_summary set total_clicks = 1 where query = 'query 3'")
    finish(week, run, *(["validate"] if last == "load" else []), "publish")
    assert [table for table, _ in read] == ["snapshot", "changes", "snapshot"]
    clicks = {row["query"]: row["total_clicks"] for row in week.target()}
    if dry_run:
        assert clicks["query 3"] == 1
        assert run["publish"] == DIFFERENCE | {"how": "dry run", "updated": 2, "unchanged": 7}
    else:
        assert (clicks["query 3"], clicks["query 0"], "query 9" in clicks) == (50, 51, False)
        assert run["publish"]["updated"] == 2
    assert wrong(week) == []


def test_who_writes_while_it_is_published_is_noticed(
    landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.replace(*RESTATED)
    run = staged_until(week, "validate")
    write = lambda: week.query("update weekly_summary set total_clicks = 1 where query = 'query 3'")  # noqa: E731
    let_in(monkeypatch, Target, "find_difference", write, after=True)
    finish(week, run, "publish")
    assert {row["query"]: row["total_clicks"] for row in week.target()}["query 3"] == 50
    assert wrong(week) == []


def test_a_write_that_no_trigger_saw_fails_the_checks_and_the_whole_week_is_loaded(
    landing: Landing, week: Stages, caplog: pytest.LogCaptureFixture
) -> None:
    """A superuser can switch triggers off. The ledger does not know then, but sums and hash do."""
    landing.replace(*RESTATED)
    run = staged_until(week, "load")
    week.query(
        "set session_replication_role = replica; update weekly_summary set total_clicks = 1 where query = 'query 3'"
    )
    with caplog.at_level(logging.WARNING):
        finish(week, run, "validate", "publish")
    assert "sum_validation failed on its changes, so all of it is loaded" in caplog.text
    assert {row["query"]: row["total_clicks"] for row in week.target()}["query 3"] == 50


def test_a_write_before_the_comparison_that_no_trigger_saw_is_repaired_by_it(landing: Landing, week: Stages) -> None:
    week.query(
        "set session_replication_role = replica; update weekly_summary set total_clicks = 1 where query = 'query 3'"
    )
    landing.replace(*RESTATED)
    run = week.sync(WEEK)
    assert run["load"]["rows"] == 3
    assert {row["query"]: row["total_clicks"] for row in week.target()}["query 3"] == 50


def test_changes_that_a_restart_has_emptied_are_explained(landing: Landing, week: Stages) -> None:
    """What stands in for the restart: truncate leaves the unlogged tables as a crash of the server does."""
    landing.replace(*RESTATED)
    run = staged_until(week, "validate")
    for table in ("kept", "differing"):
        week.query(f"truncate sqp_staging.weekly_summary_20261108_{table}_{run['log_start']}")
    week.query(f"truncate sqp_staging.weekly_summary_20261108_{run['log_start']}")
    assert not week.run_task(run, "publish")
    assert "is empty, because the server has restarted since the rows were staged" in str(run.errors["publish"])
    week.clear(run, "load")
    assert (run.colour, run["publish"]) == ("success", DIFFERENCE)


def test_changes_of_another_snapshot_are_refused(landing: Landing, week: Stages) -> None:
    landing.replace(*RESTATED)
    run = staged_until(week, "load")
    run.xcoms["extract", "return_value"] = week.operator(run, "extract").execute(run.context("extract", try_number=2))
    assert not week.run_task(run, "validate")
    assert "'extract' ran again, 'load' did not. The target is unchanged. Clear 'load'." in str(run.errors["validate"])


def test_a_load_that_fails_between_comparison_and_copy_leaves_nothing_that_could_be_published(
    landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.replace(*RESTATED)
    run = week.new_run(WEEK)
    for task_id in ("log_start", "extract"):
        assert week.run_task(run, task_id), run.errors
    with monkeypatch.context() as patched:
        patched.setattr(StagedPeriod, "_fill", lambda self, table: 1 / 0)
        assert not week.run_task(run, "load")
    assert not week.run_task(run, "publish")
    assert "does not exist" in str(run.errors["publish"])
    assert week.run_task(run, "load"), run.errors
    assert finish(week, run, "validate", "publish")["publish"] == DIFFERENCE


def test_two_rows_of_one_hash_are_no_reason_to_publish_something_wrong(
    landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in for the collision: a comparison that takes a changed row for one that stays."""
    landing.replace(*RESTATED)
    found = Changes.find

    def find(self: Changes, *arguments: Any) -> Any:
        arrived = found(self, *arguments)
        self.database.connection.execute(f"delete from {self.differing.as_string()} where query = 'query 0'".encode())
        return arrived

    monkeypatch.setattr(Changes, "find", find)
    run = week.sync(WEEK)
    assert run.colour == "success"
    assert {row["query"]: row["total_clicks"] for row in week.target()}["query 0"] == 51
    assert len(week.target()) == 10


def test_the_snapshot_is_read_by_one_job_for_its_changes(
    landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[str] = []
    rows = SqpBigQueryHook.rows

    def noted(self: SqpBigQueryHook, statement: str, *arguments: Any, **named: Any) -> Any:
        jobs.append(named["labels"]["purpose"])
        return rows(self, statement, *arguments, **named)

    monkeypatch.setattr(SqpBigQueryHook, "rows", noted)
    landing.replace(*RESTATED)
    week.sync(WEEK)
    assert jobs == ["totals", "changes"]


@pytest.mark.parametrize("restated", [RESTATED, TEN[:7]], ids=["rows changed", "rows only vanished"])
def test_a_renewal_that_fails_does_not_leave_the_changes_as_if_they_were_the_period(
    landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch, restated: list[dict[str, Any]]
) -> None:
    landing.replace(*restated)
    run = staged_until(week, "validate")
    week.query(WRITE)
    with monkeypatch.context() as patched:
        patched.setattr(StagedPeriod, "_fill", unreachable)
        assert not week.run_task(run, "publish")  # Airflow tries it again
    assert week.run_task(run, "publish"), run.errors
    assert clicks(week).keys() == {row["search_query"] for row in restated}
    assert clicks(week)["query 3"] == 50


def test_a_renewal_that_fails_in_validate_is_renewed_by_the_next_try(
    landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.replace(*RESTATED)
    run = staged_until(week, "load")
    week.query(WRITE)
    with monkeypatch.context() as patched:
        patched.setattr(StagedPeriod, "_fill", unreachable)
        assert not week.run_task(run, "validate")
    assert week.run_task(run, "validate"), run.errors


def test_a_superseded_try_that_stages_the_whole_takes_nothing_from_the_newer_attempt(
    landing: Landing, week: Stages
) -> None:
    """A zombie of attempt 1 gets to stage_all, which forgets the comparison of attempt 2, and is then refused."""
    landing.replace(*RESTATED)
    run = staged_until(week, "load")
    operator = week.operator(run, "load")
    old = operator.read_sync(run.context("load"))
    snapshot = operator.read_snapshot(run.context("load"))
    zombie = operator.staged_period(old, snapshot)
    week.clear(run, "log_start", downstream=False)  # closes attempt 1
    for task_id in ("log_start", "extract", "load", "validate"):
        assert week.run_task(run, task_id), run.errors
    with pytest.raises(Superseded):
        zombie.stage_all()
    week.run_task(run, "publish")
    assert len(week.target()) == 10


def test_a_superseded_try_that_compares_takes_nothing_from_the_newer_attempt(landing: Landing, week: Stages) -> None:
    landing.replace(*RESTATED)
    run = staged_until(week, "load")
    operator = week.operator(run, "load")
    old = operator.read_sync(run.context("load"))
    zombie = operator.staged_period(old, operator.read_snapshot(run.context("load")))
    week.clear(run, "log_start", downstream=False)
    for task_id in ("log_start", "extract", "load", "validate"):
        assert week.run_task(run, task_id), run.errors
    with pytest.raises(Superseded):
        zombie.fill()
    assert week.run_task(run, "publish"), run.errors


def test_two_tries_of_one_attempt_of_which_one_stages_all(
    landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try is given up while it waits for the copy of its changes, and goes on after the second validated."""
    landing.replace(*RESTATED)
    run = week.new_run(WEEK)
    for task_id in ("log_start", "extract"):
        assert week.run_task(run, task_id), run.errors
    copied = Source.copy_changes

    def second_try(self: Source, *arguments: Any) -> str:
        monkeypatch.setattr(Source, "copy_changes", copied)
        week.query(WRITE)  # so that the second try may not compare
        assert week.run_task(run, "load"), run.errors
        assert run["load"]["rows"] == 10
        assert week.run_task(run, "validate"), run.errors
        return copied(self, *arguments)

    monkeypatch.setattr(Source, "copy_changes", second_try)
    with pytest.raises(ExplainedFailure, match="another try of this task has staged the period"):
        week.operator(run, "load").execute(run.context("load"))  # the first try; nobody waits for it any more
    assert week.run_task(run, "publish"), run.errors
    assert len(week.target()) == 10


def test_the_statements_of_checks_repeat_what_was_found_where_a_standing_check_fails(
    landing: Landing, week: Stages
) -> None:
    landing.replace(*RESTATED, *(report_row("malformed", asin="?" * n) for n in range(1, 9)))
    run = week.sync(WEEK)
    rows = week.query(
        "select check_type, column_name, target_value, table_name, check_query from data_quality_checks"
        " where sync_log_id = %s and check_type in ('row_count', 'row_hash', 'sum_validation')",
        run["log_start"],
    )
    found = []
    for row in rows:
        (value,) = week.query(row["check_query"])[0].values()
        if value != row["target_value"]:
            found.append((row["check_type"], row["column_name"], row["target_value"], value, row["table_name"]))
    assert found == []


def test_a_connection_that_the_server_ended_between_two_transactions_is_opened_again(
    landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end() -> None:
        week.query(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid() and state = 'idle'"
        )

    landing.replace(*RESTATED)
    let_in(monkeypatch, Source, "copy_changes", end)
    run = week.sync(WEEK)
    assert run.colour == "success", run.errors


def test_a_snapshot_that_expires_between_comparison_and_copy_says_so(
    landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = Source.copy_changes

    def expired(self: Source, sync: Any, snapshot: Any, hashes: Any) -> str:
        self.hook.client.delete_table(snapshot.table)
        return copied(self, sync, snapshot, hashes)

    monkeypatch.setattr(Source, "copy_changes", expired)
    landing.replace(*RESTATED)
    run = week.sync(WEEK)
    message = str(run.errors["load"])
    assert "snapshots expire" in message
    assert "Clear 'extract'" in message


@pytest.mark.parametrize(("owner", "method"), [(Source, "copy_changes"), (Changes, "find")])
def test_changes_that_bigquery_refuses_are_loaded_with_the_whole(
    owner: type, method: str, landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read the hashes, or to copy the rows."""

    def refused(*_: Any) -> str:
        raise SourceUnusable("BigQuery query was refused: exceeded limit of request size")

    monkeypatch.setattr(owner, method, refused)
    landing.replace(*RESTATED)
    run = week.sync(WEEK)
    assert run.colour == "success", run.errors
    assert (run["load"]["rows"], clicks(week)["query 0"], len(week.target())) == (10, 51, 10)


def test_rejects_of_an_earlier_snapshot_of_the_attempt_do_not_stay(landing: Landing, stages: Stages) -> None:
    good = [report_row(f"query {n}") for n in range(200)]
    landing.replace(*good, report_row("malformed", asin="?"))
    run = stages.new_run(WEEK)
    for task_id in ("log_start", "extract", "load"):
        assert stages.run_task(run, task_id), run.errors
    landing.replace(*good)
    run.xcoms["extract", "return_value"] = stages.operator(run, "extract").execute(run.context("extract", try_number=2))
    finish(stages, run, "load", "validate", "publish")
    assert stages.query("select reason from sync_rejects where sync_log_id = %s", run["log_start"]) == []


@pytest.mark.parametrize("state", ["adopted", "must be summed"])
def test_a_month_that_is_summed_from_changes(
    state: str, landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its addends are the kept and the staged rows together: a query in brackets, which Postgres 15 wants named."""
    with_target(stages, compare_above_rows=0, max_delete_fraction=1.0)
    stages.settings = stages.settings.model_copy(
        update={"checks": stages.settings.checks.model_copy(update={"reject_rate_fail": 1.0})}
    )
    for day in [date(2026, 11, 1) + timedelta(days=7 * n) for n in range(5)]:
        landing.land(*(report_row(f"query {n}", week=day) for n in range(10)))
        assert stages.sync(day).colour == "success"
    stages.query("update monthly_summary set total_clicks = 7 where query = 'query 3'")
    if state == "adopted":
        stages.query("update synced_period set state = 'adopted' where sync_type = 'monthly'")
    restated = state == "adopted"
    landing.land(report_row("query 0", asin_click_count=51, **LATER) if restated else report_row("malformed", asin="?"))
    summed: list[str] = []
    stage_sum = Preparation._stage_sum
    monkeypatch.setattr(
        Preparation,
        "_stage_sum",
        lambda self, part, staged: summed.append(str(part.run.period)) or stage_sum(self, part, staged),
    )
    run = stages.sync(WEEK)
    assert run.colour == "success", run.errors
    assert run["load"]["rows"] == (1 if restated else 0)
    assert summed, "nothing was summed"
    assert [row for row in wrong(stages) if row["unit"] == "month"] == []


def test_a_storage_api_that_cannot_be_used_is_asked_once(
    landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refused(self: Any, **_: Any) -> Any:
        asked.append("session")
        raise PermissionDenied("no readsessions.create")

    monkeypatch.setattr(BigQueryReadClient, "create_read_session", refused)
    week.settings = week.settings.model_copy(
        update={"checks": week.settings.checks.model_copy(update={"reject_rate_fail": 1.0})}
    )
    landing.replace(*RESTATED, report_row("malformed", asin="?"))
    run = week.sync(WEEK)
    assert run.colour == "success", run.errors
    assert len(asked) == 1


def test_a_renewal_that_fails_in_a_dry_run_is_renewed_by_the_next_try(
    landing: Landing, week: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.replace(*RESTATED)
    run = week.new_run(WEEK, dry_run=True)
    for task_id in ("log_start", "extract", "load", "validate"):
        assert week.run_task(run, task_id), run.errors
    week.query(WRITE)
    with monkeypatch.context() as patched:
        patched.setattr(StagedPeriod, "_fill", unreachable)
        assert not week.run_task(run, "publish")
    week.run_task(run, "publish")
    assert run["publish"] == DIFFERENCE | {"how": "dry run", "updated": 2, "unchanged": 7}


def test_closing_a_dead_run_drops_all_that_it_staged(landing: Landing, week: Stages) -> None:
    landing.replace(*RESTATED)
    staged_until(week, "load")
    with SqpPostgresHook(week.settings.target).transaction() as database:
        runs = OpenRuns(database)
        for run in runs.read(None):
            assert runs.close(run)
    assert week.query("select relname from pg_class where relnamespace = 'sqp_staging'::regnamespace") == []


def test_a_period_that_is_compared_changes_few_definitions(landing: Landing, week: Stages) -> None:
    with psycopg.connect(week.dsn, autocommit=True) as connection:
        connection.execute(WATCH)
    watched = Watched(week)
    landing.replace(*RESTATED)
    with watched.during():
        assert week.sync(WEEK).colour == "success"
    assert (sum(watched.commands.values()), watched.transactions) == (20, 6)


def test_changes_are_published_through_a_pooler(
    database: str, landing: Landing, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database) as connection:
        untouched = connection.execute(STATE).fetchone()
    with pooled(database) as through:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(through))
        stages = Stages(settings, database)
        with_target(stages, compare_above_rows=0, max_delete_fraction=1.0)
        with other_clients(through) as found:
            landing.land(*TEN)
            assert stages.sync(WEEK).errors == {}
            landing.replace(*RESTATED)
            run = stages.sync(WEEK)
            assert run.errors == {}
            assert run["publish"] == DIFFERENCE
            landing.replace(*RESTATED[:-1], report_row("new", asin_click_count=49))
            run = staged_until(stages, "validate")
            stages.query(WRITE)
            assert finish(stages, run, "publish")["publish"]["updated"] == 2
    assert found == {untouched}


def test_a_partition_that_goes_after_the_checks_is_loaded_whole(landing: Landing, week: Stages) -> None:
    """To drop it changes no version, as no trigger fires; but its rows are counted before they are kept."""
    landing.replace(*RESTATED)
    run = staged_until(week, "validate")
    week.query("drop table weekly_summary_20261108")
    finish(week, run, "publish")
    assert len(week.target()) == 10
