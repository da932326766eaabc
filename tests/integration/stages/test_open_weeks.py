"""Several weeks of a month are synced at the same time: the last one sums the month and the quarter for all."""

from __future__ import annotations

import pytest

from sqp_provider.core.period import SyncType
from sqp_provider.target.periods import Accounted
from sqp_provider.target.publication import Publication
from sqp_provider.target.sums import Sums
from tests.landing import Landing, report_row
from tests.others import land, let_in, stage, wrong
from tests.restatements import check
from tests.stages import Run, Stages

WEEKS = ("2026-11-01", "2026-11-08", "2026-11-15")
ALL = ["weekly", "monthly", "quarterly"]


def staged(landing: Landing, stages: Stages, *weeks: str) -> list[Run]:
    """Return a run for each week that is ready to be published."""
    for number, week in enumerate(weeks):
        land(landing, week, 10 * (number + 1))
    return [stage(stages, week, f"manual__{week}") for week in weeks]


def publish(stages: Stages, run: Run) -> None:
    """Publish and finish a run."""
    assert stages.run_task(run, "publish"), run.errors
    stages.run_task(run, "log_finish")


def sums(stages: Stages) -> list[tuple[str, str]]:
    """Return status and cause of month and quarter."""
    rows = stages.query(
        "select status, cause from period_status where sync_type <> 'weekly'"
        " and period_start = case sync_type when 'monthly' then date '2026-11-01' else date '2026-10-01' end"
    )
    return [(row["status"], row["cause"]) for row in rows]


OUTDATED = [("outdated", "a week of it changed, and it was not summed anew yet")] * 2
DERIVED = [("derived", None)] * 2


def test_month_and_quarter_are_outdated_until_the_last_week_is_published(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = staged(landing, stages, *WEEKS)
    summed: list[SyncType] = []
    query = Sums.query

    def counted(self: Sums) -> object:
        summed.append(self.run.period.sync_type)
        return query(self)

    monkeypatch.setattr(Sums, "query", counted)
    for run in runs[:2]:
        publish(stages, run)
        assert run["publish"]["how"] == "attached"
        assert sums(stages) == OUTDATED
        assert stages.target(SyncType.MONTHLY) == stages.target(SyncType.QUARTERLY) == []
    assert summed == []
    publish(stages, runs[2])
    assert summed == [SyncType.MONTHLY, SyncType.QUARTERLY]
    assert sums(stages) == DERIVED
    assert len(stages.target(SyncType.MONTHLY)) == len(stages.target(SyncType.QUARTERLY)) == 4
    assert wrong(stages) == []


def test_weeks_that_were_prepared_at_the_same_time_do_not_leave_the_sum_to_each_other(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = staged(landing, stages, *WEEKS[:2])
    let_in(monkeypatch, Publication, "_commit", lambda: publish(stages, late))
    publish(stages, early)
    assert sums(stages) == DERIVED
    assert wrong(stages) == []


@pytest.mark.parametrize("ending", ["fails", "is unchanged", "is skipped for a newer run"])
def test_if_the_last_week_is_not_published_the_daily_check_sums(ending: str, landing: Landing, stages: Stages) -> None:
    land(landing, WEEKS[1], 20)
    assert stages.sync(WEEKS[1]).colour == "success"
    (run,) = staged(landing, stages, WEEKS[0])
    last = Run("manual__last", {"period_start": WEEKS[1]})
    assert stages.run_task(last, "log_start"), last.errors
    publish(stages, run)
    assert sums(stages) == OUTDATED
    if ending == "is skipped for a newer run":
        newer = Run("manual__newer", {"period_start": WEEKS[1]})
        assert stages.run_task(newer, "log_start")
        stages.follow_start(newer)
    if ending == "fails":
        landing.replace(report_row("the only one left"))
    stages.follow_start(last)
    assert last.states["publish"] == ("failed" if ending == "fails" else "skipped")
    assert sums(stages) == OUTDATED
    check(stages, sync_types=ALL)
    assert sums(stages) == DERIVED
    assert wrong(stages) == []


def test_a_check_that_changes_nothing_leaves_an_outdated_month(landing: Landing, stages: Stages) -> None:
    run, _ = staged(landing, stages, *WEEKS[:2])
    publish(stages, run)
    check(stages, sync_types=ALL, dry_run=True)
    assert sums(stages) == OUTDATED


def test_rows_that_are_written_one_by_one_do_not_wait_for_the_last_week(landing: Landing, stages: Stages) -> None:
    land(landing, WEEKS[0], 5)
    assert stages.sync(WEEKS[0]).colour == "success"
    run, _ = staged(landing, stages, *WEEKS[:2])
    publish(stages, run)
    assert run["publish"]["how"] == "difference"
    assert sums(stages) == DERIVED
    assert wrong(stages) == []


def test_a_month_from_before_the_first_sync_that_another_week_completed_meanwhile_gets_all_its_weeks(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later week was prepared while the month was still theirs."""
    stages.query(
        "insert into monthly_summary (period_start, period_end, year, month, query, asin)"
        " values ('2026-11-01', '2026-11-30', 2026, 11, 'of theirs', 'B000000001')"
    )
    first, second = staged(landing, stages, *WEEKS[:2])
    let_in(monkeypatch, Publication, "_commit", lambda: publish(stages, first))
    publish(stages, second)
    assert sums(stages) == DERIVED
    assert wrong(stages) == []


@pytest.mark.parametrize("moment", ["before it is prepared", "before it is put in place"])
def test_a_month_whose_own_sync_publishes_while_the_daily_check_sums_it_is_left_alone(
    moment: str, landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(landing, "2026-10-25", 10)
    assert stages.sync("2026-10-25").colour == "success"
    stages.query("update monthly_summary_20261001 set total_clicks = 0")

    def sync_the_month() -> None:
        assert stages.sync("2026-10-01", SyncType.MONTHLY).colour == "success"

    if moment == "before it is prepared":
        let_in(monkeypatch, Accounted, "sum_anew", sync_the_month)
    else:
        let_in(monkeypatch, Publication, "_commit", sync_the_month)
    check(stages, sync_types=["monthly"], periods=2)
    assert stages.query("select status from period_status where sync_type = 'monthly'") == [{"status": "synced"}]
    assert stages.query("select distinct sync_log_id is null as summed from monthly_summary") == [{"summed": False}]
    assert stages.query("select relname from pg_class where relnamespace = 'sqp_staging'::regnamespace") == []
