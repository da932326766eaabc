"""One sync: its period, its attempt and its options."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from sqp_provider.core.period import Period, SyncType

STAGES = ("extract", "load", "validate", "publish")
"""The task ids of the stages between log_start and log_finish, in the order in which they run."""

TASKS = ("log_start", *STAGES, "log_finish")
"""All task ids of a sync, in the order in which they run."""


class SyncOptions(BaseModel):
    """The options of one run. A scheduled run has the defaults."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    force: bool = False
    allow_empty: bool = False
    dry_run: bool = False
    max_delete_fraction: float | None = None


class SyncRun(BaseModel):
    """The columns of a row of ``sync_log`` that the stages need."""

    model_config = ConfigDict(frozen=True)

    sync_log_id: int
    attempt: int
    period: Period
    started_at: datetime
    dag_id: str
    run_id: str
    sync_status: str = "started"
    options: SyncOptions = SyncOptions()
    partition_name: str
    """``weekly_summary_20261108``: the name of the staged table after it is published, from SQL's partition_name()."""
    is_sum: bool = False
    """Whether the period is a month or quarter that is summed from weeks."""
    try_id: str = ""
    """Tells the tables apart that two processes make, one of which Airflow has given up."""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> SyncRun:
        """Build a run from a row of the statement ``read_sync``."""
        return cls(
            sync_log_id=row["id"],
            attempt=row["attempt"],
            period=Period.starting(SyncType(row["sync_type"]), row["period_start"]),
            started_at=row["started_at"],
            dag_id=row["dag_id"],
            run_id=row["run_id"],
            sync_status=row["sync_status"],
            options=SyncOptions.model_validate((row["sync_metadata"] or {}).get("options", {})),
            partition_name=row["partition_name"],
        )

    def of(self, period: Period) -> SyncRun:
        """Return this run for another period that it publishes too, such as the month of its week."""
        name = f"{period.sync_type.target_table}_{period.first_day:%Y%m%d}"
        return self.model_copy(update={"period": period, "partition_name": name, "is_sum": True})

    def name_of(self, what: str) -> str:
        """Return the name of a further table: ``weekly_summary_20261108_difference_1f3a_12``."""
        return "_".join(filter(None, (self.partition_name, what, self.try_id, str(self.sync_log_id))))

    def beside_staged(self, what: str) -> str:
        """Return the name of a table that belongs to the staged one: ``weekly_summary_20261108_kept_12``."""
        return f"{self.partition_name}_{what}_{self.sync_log_id}"

    @property
    def is_closed(self) -> bool:
        """Whether the row says that the run has finished."""
        return self.sync_status != "started"

    @property
    def staged_name(self) -> str:
        """``weekly_summary_20261108_12``: the staged table of this run. Two runs of a period never share one."""
        return self.name_of("sum") if self.is_sum else f"{self.partition_name}_{self.sync_log_id}"

    def __str__(self) -> str:
        return f"{self.period} (sync_log {self.sync_log_id}, attempt {self.attempt})"
