"""The daily task that deletes, on periods that were synced by real runs."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
import pytest

from sqp_provider.core.settings import Settings
from sqp_provider.operators.retention import RetentionOperator
from tests.landing import Landing, report_row
from tests.restatements import check
from tests.stages import Stages

OLD, YOUNG = date(2025, 1, 5), date(2026, 11, 8)


@pytest.fixture
def keeping(stages: Stages, landing: Landing) -> Stages:
    """Two weeks were synced; retention keeps a year of summaries."""
    for week in (OLD, YOUNG):
        landing.land(report_row("a", week=week))
        assert stages.sync(week).colour == "success"
    stages.settings = with_retention(stages.settings, summary_weeks=52)
    return stages


def with_retention(settings: Settings, **retention: Any) -> Settings:
    return Settings.checked(settings.model_dump(by_alias=True) | {"retention": retention}, origin="test")


def delete(stages: Stages) -> dict[str, int]:
    context: Any = {}
    return RetentionOperator(task_id="delete_old", settings=stages.settings).execute(context)


def statuses(stages: Stages) -> dict[tuple[str, date], str]:
    known = stages.query("select sync_type, period_start, status from period_status where status <> 'missing'")
    return {(row["sync_type"], row["period_start"]): row["status"] for row in known}


def test_summaries_stay_unless_a_setting_says_otherwise(keeping: Stages) -> None:
    keeping.settings = with_retention(keeping.settings)
    assert delete(keeping) == {
        "periods": 0,
        "summary_rows": 0,
        "rejects": 0,
        "runs": 0,
        "alerts": 0,
        "source_periods": 0,
        "changes": 0,
    }
    assert len(keeping.target()) == 2


def test_old_periods_go_with_their_partitions_and_are_not_synced_again(keeping: Stages) -> None:
    deleted = delete(keeping)
    assert (deleted["periods"], deleted["summary_rows"]) == (3, 3)
    assert [row["period_start"] for row in keeping.target()] == [YOUNG]
    assert statuses(keeping) == {
        ("quarterly", date(2025, 1, 1)): "deleted",
        ("monthly", date(2025, 1, 1)): "deleted",
        ("weekly", OLD): "deleted",
        ("quarterly", date(2026, 10, 1)): "derived",
        ("monthly", date(2026, 11, 1)): "derived",
        ("weekly", YOUNG): "synced",
    }
    partitions = keeping.query("select relname from pg_class where relispartition and relname like '%%_2025%%'")
    assert partitions == []
    assert check(keeping, periods=104) == []
    assert delete(keeping)["periods"] == 0


def test_a_person_can_sync_a_deleted_period_again(keeping: Stages) -> None:
    delete(keeping)
    assert keeping.sync(OLD).colour == "success"
    assert statuses(keeping)["weekly", OLD] == "synced"
    assert len(keeping.target()) == 2


def test_a_partition_that_somebody_reads_goes_the_next_day(keeping: Stages, database: str) -> None:
    keeping.settings = Settings.checked(
        keeping.settings.model_dump(by_alias=True) | {"target": {"lock_timeout_seconds": 0.2}}, origin="test"
    )
    left = "select * from deleted_partitions()"
    with psycopg.connect(database) as reader:
        reader.execute("select count(*) from sqp.weekly_summary, sqp.monthly_summary, sqp.quarterly_summary")
        assert delete(keeping)["periods"] == 3
        assert len(keeping.query(left)) == 3
    assert delete(keeping)["periods"] == 0
    assert keeping.query(left) == []
