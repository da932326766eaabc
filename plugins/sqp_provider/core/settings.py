"""The configuration file: where the source is, what its columns are called, how strict the checks are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from sqp_provider.core.contract import INGESTED_AT, METRICS, REPORT_PERIOD, SOURCE_COLUMNS, Column
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.mistake import mistake
from sqp_provider.core.period import PERIOD_TYPES, SyncType

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,49}$")]
"""A Postgres schema name; lower case, so that nobody has to quote it at night."""

_PROJECT = r"([A-Za-z0-9][A-Za-z0-9.:-]*\.)?"
DatasetName = Annotated[str, StringConstraints(pattern=rf"^{_PROJECT}[A-Za-z0-9_]+$", max_length=200)]
TableName = Annotated[str, StringConstraints(pattern=rf"^{_PROJECT}[A-Za-z0-9_]+\.[\w -]+$", max_length=400)]
ColumnName = Annotated[str, StringConstraints(pattern=r"^[^`\\\x00-\x1f]+$", max_length=300)]
Fraction = Annotated[float, Field(ge=0, le=1)]

_KEYS = {column.key: column for column in SOURCE_COLUMNS}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _of_each_type(default: str) -> dict[SyncType, int]:
    """Return a default of each period type: ``{SyncType.WEEKLY: 4, …}`` for ``delay_days``."""
    return {sync_type: getattr(period_type, default) for sync_type, period_type in PERIOD_TYPES.items()}


Days = Annotated[int, Field(ge=0, le=90)]
Periods = Annotated[int, Field(ge=0, le=520)]
AllowedDays = Annotated[int, Field(ge=1, le=3660)]


class SourceSettings(_Section):
    """The BigQuery side."""

    conn_id: str = Field(default="sqp_bigquery", description="Airflow's connection to BigQuery")
    table: TableName = Field(
        description="dataset.table, or project.dataset.table", examples=["amazon.search_query_performance"]
    )
    staging_dataset: DatasetName = Field(default="sqp_staging", description="where snapshots are written")
    location: str | None = Field(
        default=None, description="where jobs run; null: where the staging dataset is", examples=["EU"]
    )
    marketplace: str | None = Field(
        default=None, description="the one marketplace to sync, where it is a column", examples=["ATVPDKIKX0DER"]
    )
    maximum_bytes_billed: int | None = Field(
        default=100 * 2**30, gt=0, description="an extract of more bytes is refused"
    )
    retry_seconds: float = Field(default=60, gt=0, description="how long a lost connection is tried again")
    snapshot_hours: int = Field(default=48, gt=0, le=24 * 30, description="how long a snapshot can be loaded again")
    read_streams: int = Field(
        default=1,
        gt=0,
        le=8,
        description="how many streams a load reads at once; more help where the network is slower than COPY, "
        "and each costs some 50 MB",
    )
    columns: dict[str, ColumnName | None] = Field(
        default_factory=dict,
        description="logical column: name in the source, or null where the source has none",
        examples=[{"search_query": "Search Query"}],
    )

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: dict[str, str | None]) -> dict[str, str | None]:
        for key, name in columns.items():
            if key not in _KEYS:
                raise ValueError(f"unknown column {key!r}; expected one of {', '.join(_KEYS)}")
            if name is None and _KEYS[key].required:
                raise ValueError(f"column {key!r} is required and cannot be null")
        return columns

    @model_validator(mode="after")
    def _complete(self) -> SourceSettings:
        if not (self.name_of("period_start") or self.name_of("period_end")):
            raise ValueError("columns.period_start and columns.period_end are both null; expected at least one")
        if self.name_of("marketplace") and not self.marketplace:
            raise ValueError(
                "columns.marketplace is mapped but source.marketplace names none; "
                "expected one marketplace id, for example ATVPDKIKX0DER, so that two never mix"
            )
        if self.marketplace and not self.name_of("marketplace"):
            raise ValueError("source.marketplace is set but columns.marketplace is not mapped; expected a column name")
        return self

    def name_of(self, key: str) -> str | None:
        """Return what the source calls a logical column, or None where it has none.

        ``settings.source.name_of("clicks") == "asin_click_count"``; the optional columns ``report_period``,
        ``marketplace`` and ``ingested_at`` exist only where the file maps them.
        """
        if key in self.columns:
            return self.columns[key]
        optional_extra = key in ("report_period", "marketplace", INGESTED_AT.key)
        return None if optional_extra else _KEYS[key].source_name

    def mapped(self) -> dict[str, tuple[Column, str]]:
        """Return the columns the extract reads, by key."""
        names = ((column, self.name_of(column.key)) for column in SOURCE_COLUMNS)
        return {column.key: (column, name) for column, name in names if name is not None}

    def is_summed_from_weeks(self, sync_type: SyncType) -> bool:
        """Return whether a month or quarter is summed from weeks: the source does not say which report a row is of."""
        return sync_type is not SyncType.WEEKLY and self.name_of(REPORT_PERIOD.key) is None

    @property
    def mapped_metrics(self) -> tuple[str, ...]:
        """The target names of the counts that the source has."""
        return tuple(metric.column for metric in METRICS if self.name_of(metric.source.key))


class TargetSettings(_Section):
    """The Postgres side."""

    conn_id: str = Field(default="sqp_postgres", description="Airflow's connection to Postgres")
    schema_name: Identifier = Field(
        default="sqp", alias="schema", description="the schema of the summaries; it belongs to one Airflow"
    )
    lock_timeout_seconds: float = Field(default=10, gt=0, description="how long one attempt to publish waits")
    max_delete_fraction: Fraction = Field(default=0.2, description="a publish that deletes more is refused")

    @property
    def staging_schema(self) -> str:
        """``sqp_staging``: where a period stands until its checks passed."""
        return f"{self.schema_name}_staging"


class CheckSettings(_Section):
    """When a check warns and when it fails; counts and sums must always be exact."""

    reject_rate_warn: Fraction = Field(default=0.0, description="malformed rows: warn above this part of a period")
    reject_rate_fail: Fraction = Field(default=0.01, description="malformed rows: fail above this part of a period")
    volume_anomaly_fraction: float = Field(default=0.5, gt=0, description="warn beyond ± this part of the median")
    volume_anomaly_periods: int = Field(default=8, ge=2, description="how many published periods make the median")

    @model_validator(mode="after")
    def _warn_before_fail(self) -> CheckSettings:
        if self.reject_rate_warn > self.reject_rate_fail:
            raise ValueError(
                f"reject_rate_warn {self.reject_rate_warn} is above reject_rate_fail {self.reject_rate_fail}; "
                "expected it at or below"
            )
        return self


class ScheduleSettings(_Section):
    """How long after a period's end Amazon's figures are expected, and how stubborn a task is."""

    delay_days: dict[SyncType, Days] = Field(
        default=_of_each_type("delay_days"), description="how many days after a period's last day its run comes"
    )
    retries: int = Field(default=3, ge=0, le=20, description="how often a stage is tried again after an outage")
    retry_delay_seconds: float = Field(default=30, ge=0, description="before the first retry; doubles with each")
    stage_timeout_minutes: float = Field(default=60, gt=0, description="a stage that takes longer fails")
    defer_after_seconds: float = Field(default=20, ge=0, description="a longer BigQuery job frees its worker")
    stale_after_minutes: float = Field(
        default=15, gt=0, description="we ask Airflow about rows that have said started for longer"
    )

    def delay(self, sync_type: SyncType) -> timedelta:
        """``schedule.delay(SyncType.WEEKLY) == timedelta(days=4)``."""
        return timedelta(days=self.delay_days.get(sync_type, sync_type.period_type.delay_days))

    @property
    def stale_after(self) -> timedelta:
        """``timedelta(minutes=15)``."""
        return timedelta(minutes=self.stale_after_minutes)


class RestatementSettings(_Section):
    """How far back the daily check for restatements goes."""

    periods: dict[SyncType, Periods] = Field(
        default=_of_each_type("checked_periods"), description="how many periods back; 0: that type is not checked"
    )
    at_once: int = Field(default=3, ge=1, le=100, description="how many periods are synced at the same time")

    def periods_of(self, sync_type: SyncType) -> int:
        """``restatements.periods_of(SyncType.WEEKLY) == 8``."""
        return self.periods.get(sync_type, sync_type.period_type.checked_periods)


class FreshnessSettings(_Section):
    """When a table is stale: in the SQL functions, the sensor, the Dag and on the page alike."""

    days_allowed: dict[SyncType, AllowedDays] = Field(
        default=_of_each_type("days_allowed"),
        description="how old the newest finished period may be, in days since its end",
    )

    def allowed(self, sync_type: SyncType) -> int:
        """``freshness.allowed(SyncType.WEEKLY) == 14``."""
        return self.days_allowed.get(sync_type, sync_type.period_type.days_allowed)


class RetentionSettings(_Section):
    """What the daily task deletes."""

    log_weeks: int = Field(
        default=104, ge=4, description="runs, their checks, sent alerts and what the source held go after so many weeks"
    )
    rejects_weeks: int = Field(default=26, ge=1, description="rejects go after so many weeks")
    summary_weeks: int | None = Field(
        default=None,
        ge=13,
        description="quarters further back go with their months and weeks; null: all stay",
        examples=[156],
    )


AlertKind = Literal["failed", "stale", "warning", "late", "recovered"]


class AlertSettings(_Section):
    """Whom to notify of what; without a connection nobody is notified."""

    conn_id: str | None = Field(
        default=None, min_length=1, description="an Apprise connection; null: no alerts", examples=["sqp_alerts"]
    )
    runs_longer_than_minutes: float = Field(
        default=15, gt=0, le=7 * 24 * 60, description="a run that has not finished by then is late"
    )
    causes: tuple[AlertKind, ...] = Field(
        default=("failed", "stale", "warning", "late", "recovered"),
        description="what people are notified of",
        examples=[["failed", "stale"]],
    )


class Settings(_Section):
    """The whole of ``dags/sqp_config.yaml``. What it says of each period type may name some types only."""

    source: SourceSettings
    target: TargetSettings = TargetSettings()
    checks: CheckSettings = CheckSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    restatements: RestatementSettings = RestatementSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    retention: RetentionSettings = RetentionSettings()
    alerts: AlertSettings = AlertSettings()
    airflow: str | None = Field(
        default=None,
        min_length=1,
        description="what this Airflow is called in the schema that belongs to it; null: its address, [api] base_url",
        examples=["production"],
    )
    owner: str = Field(default="sqp-sync", min_length=1, description="who is asked, shown in the Dag list")
    owner_link: str | None = Field(
        default=None,
        pattern=r"^(https?://|mailto:)\S+$",
        description="where that owner is found",
        examples=["mailto:data-team@example.com"],
    )

    @property
    def owner_links(self) -> dict[str, str]:
        """``{"sqp-sync": "mailto:data@example.com"}``, as a Dag wants it."""
        return {self.owner: self.owner_link} if self.owner_link else {}

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read and check the file.

        :raises InvalidSettings: each mistake with its key, what was found and what was expected.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidSettings(
                f"{path}: cannot be read ({error.strerror}). Set SQP_CONFIG to the path of sqp_config.yaml, or restore "
                "the file."
            ) from error
        except yaml.YAMLError as error:
            raise InvalidSettings(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
        if not isinstance(content, dict):
            raise InvalidSettings(f"{path}: expected sections such as 'source:', found {type(content).__name__}")
        return cls.checked(content, origin=str(path))

    @classmethod
    def checked(cls, content: dict[str, Any], *, origin: str) -> Settings:
        """Check settings that were read from ``origin``, which the message names."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            mistakes = "; ".join(mistake(detail) for detail in error.errors(include_url=False))
            raise InvalidSettings(f"{origin}: {mistakes}") from None
