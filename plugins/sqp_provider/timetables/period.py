"""A timetable whose data intervals are weeks from Sunday, months or quarters; each run waits for the delay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import UTC, DateTime

from sqp_provider.core.period import SyncType


class PeriodTimetable(CronDataIntervalTimetable):
    """Run ``delay`` after a period's end.

    With a delay of four days the week 2026-11-08..2026-11-14 runs on 2026-11-19 00:00.

    :param sync_type: ``weekly``, ``monthly`` or ``quarterly``.
    :param delay: how long after the period's end Amazon's figures are expected.
    :param spread: how much later the run comes, so that those of many feeds do not come at once.
    """

    def __init__(self, sync_type: SyncType | str, delay: timedelta, spread: timedelta = timedelta()) -> None:
        self.sync_type = SyncType(sync_type)
        self.delay = delay
        self.spread = spread
        super().__init__(self.sync_type.period_type.cron, UTC)
        self.description = f"{self.sync_type.value.capitalize()}, {delay.days} days after the period's end"

    @property
    def summary(self) -> str:
        """The schedule as the Dag list shows it."""
        return f"{self.sync_type.value} + {self.delay.days} d"

    def serialize(self) -> dict[str, Any]:
        """Return what the scheduler needs to rebuild this timetable."""
        return {
            "sync_type": self.sync_type.value,
            "delay_seconds": self.delay.total_seconds(),
            "spread_seconds": self.spread.total_seconds(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PeriodTimetable:
        """Build a timetable from the result of :meth:`serialize`."""
        # Until the Dag processor has parsed them again, Airflow has Dags of a version without feeds.
        spread = timedelta(seconds=data.get("spread_seconds", 0))
        return cls(data["sync_type"], timedelta(seconds=data["delay_seconds"]), spread)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next period and the time of its run."""
        info = super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
        if info is None or info.data_interval is None:
            return info
        return DagRunInfo(run_after=info.data_interval.end + self.delay + self.spread, data_interval=info.data_interval)

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the newest period whose delay had passed at ``run_after``."""
        return super().infer_manual_data_interval(run_after=run_after - self.delay)

    def _skip_to_latest(self, earliest: DateTime | None) -> DateTime:
        # Without catchup the first run is the newest period that is already due.
        newest_due = self.infer_manual_data_interval(run_after=DateTime.now(UTC)).start
        return newest_due if earliest is None else max(newest_due, self._align_to_next(earliest))
