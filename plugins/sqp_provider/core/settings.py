"""The settings of one feed: where the source is, what its columns are called, how strict the checks are."""

from __future__ import annotations

import re
import zlib
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from sqp_provider.core.completeness import CompletenessSettings
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.mistake import mistake
from sqp_provider.core.period import PERIOD_TYPES, SyncType
from sqp_provider.core.section import Section
from sqp_provider.core.source_settings import SourceSettings

LONGEST_SCHEMA = 50
"""With ``_staging`` a schema's name must stay below Postgres' 63 bytes."""

STAGING_SUFFIX = "_staging"

Identifier = Annotated[str, StringConstraints(pattern=rf"^[a-z_][a-z0-9_]{{0,{LONGEST_SCHEMA - 1}}}$")]
"""A Postgres schema name; lower case, so that nobody has to quote it at night."""

Fraction = Annotated[float, Field(ge=0, le=1)]


def _of_each_type(default: str) -> dict[SyncType, int]:
    """Return a default of each period type: ``{SyncType.WEEKLY: 4, …}`` for ``delay_days``."""
    return {sync_type: getattr(period_type, default) for sync_type, period_type in PERIOD_TYPES.items()}


_DAGS = re.compile(rf"\b({'|'.join(sync_type.dag_id for sync_type in SyncType)}|sqp_restatements)\b")
"""The Dags of which each feed has its own."""

Days = Annotated[int, Field(ge=0, le=90)]
Periods = Annotated[int, Field(ge=0, le=520)]
AllowedDays = Annotated[int, Field(ge=1, le=3660)]


class TargetSettings(Section):
    """The Postgres side."""

    conn_id: str = Field(default="sqp_postgres", description="Airflow's connection to Postgres")
    migrate_conn_id: str | None = Field(
        default=None,
        description="the direct connection for `sqp_migrate`, if `conn_id` goes through a transaction pooler",
    )
    schema_name: Identifier = Field(
        default="sqp",
        alias="schema",
        description="the schema of the summaries; it belongs to one Airflow and one feed. Below the defaults of "
        "several feeds: what their schemas begin with, `sqp_<feed>`",
    )
    lock_timeout_seconds: float = Field(
        default=2700,
        gt=0,
        description="how long a publish tries to get its locks; each try keeps others waiting for 0.2 s",
    )
    swap_above_fraction: Fraction = Field(
        default=0.15, description="a period of which a larger part changes is replaced as a whole"
    )
    swap_above_rows: int = Field(default=10_000, ge=0, description="… unless no more rows change than so many")
    compare_above_rows: int = Field(
        default=100_000,
        ge=0,
        description="a published period of more rows is compared by hashes first, and only what changed is loaded",
    )
    max_delete_fraction: Fraction = Field(
        default=0.2,
        description="a publish that deletes more is refused; a part of what is published or, if more, of what arrives",
    )

    keep_changes_rows: int = Field(
        default=100_000,
        ge=0,
        description="the rows that change in a published period are kept, before and after, unless one publish or "
        "statement changes more; 0 keeps none",
    )

    def most_changes(self, rows: int) -> int:
        """Return how many rows of a period may change for it to be written row by row."""
        return max(self.swap_above_rows, int(self.swap_above_fraction * rows))

    @field_validator("schema_name")
    @classmethod
    def _not_of_staged_tables(cls, schema: str) -> str:
        if schema.endswith(STAGING_SUFFIX):
            raise ValueError(f"names that end in {STAGING_SUFFIX} are for staged tables; expected another")
        return schema

    @property
    def migrating_conn_id(self) -> str:
        """The connection over which the schema is migrated: never a transaction pooler's."""
        return self.migrate_conn_id or self.conn_id

    @property
    def staging_schema(self) -> str:
        """``sqp_staging``: where a period stands until its checks passed."""
        return f"{self.schema_name}{STAGING_SUFFIX}"


class CheckSettings(Section):
    """When a check warns and when it fails; counts and sums must always be exact."""

    reject_rate_warn: Fraction = Field(default=0.001, description="malformed rows: warn above this part of a period")
    reject_rate_fail: Fraction = Field(default=0.01, description="malformed rows: fail above this part of a period")
    doubtful_rows_warn: Fraction = Field(
        default=0.001,
        description="rows with a missing count or a figure out of range: warn above this part of a period",
    )
    differing_copies_warn: Fraction = Field(
        default=0.5, description="superseded copies with other figures: warn above this part of a period"
    )
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


class ScheduleSettings(Section):
    """How long after a period's end Amazon's figures are expected, and how stubborn a task is."""

    delay_days: dict[SyncType, Days] = Field(
        default=_of_each_type("delay_days"), description="how many days after a period's last day its run comes"
    )
    spread_minutes: int = Field(
        default=60, ge=0, le=720, description="the runs of several feeds fall due within so many minutes, by name"
    )
    retries: int = Field(default=3, ge=0, le=20, description="how often a stage is tried again after an outage")
    retry_delay_seconds: float = Field(default=30, ge=0, description="before the first retry; doubles with each")
    stage_timeout_minutes: float = Field(default=60, gt=0, description="a stage that takes longer fails")
    defer_after_seconds: float = Field(default=20, ge=0, description="a longer BigQuery job frees its worker")
    stale_after_minutes: float = Field(
        default=15, gt=0, description="we ask Airflow about rows that have said started for longer"
    )

    @field_validator("retry_delay_seconds", "stage_timeout_minutes", "stale_after_minutes")
    @classmethod
    def _is_a_length_of_time(cls, value: float) -> float:
        """Refuse what would keep a Dag file, and so the Dags of all feeds, from being read."""
        try:
            timedelta(minutes=value)
        except OverflowError:
            raise ValueError("is too long for a length of time; expected less") from None
        return value

    def delay(self, sync_type: SyncType) -> timedelta:
        """``schedule.delay(SyncType.WEEKLY) == timedelta(days=4)``."""
        return timedelta(days=self.delay_days.get(sync_type, sync_type.period_type.delay_days))

    @property
    def stale_after(self) -> timedelta:
        """``timedelta(minutes=15)``."""
        return timedelta(minutes=self.stale_after_minutes)


class RestatementSettings(Section):
    """How far back the daily check for restatements goes."""

    periods: dict[SyncType, Periods] = Field(
        default=_of_each_type("checked_periods"), description="how many periods back; 0: that type is not checked"
    )
    at_once: int = Field(default=3, ge=1, le=100, description="how many periods are synced at the same time")

    def periods_of(self, sync_type: SyncType) -> int:
        """``restatements.periods_of(SyncType.WEEKLY) == 8``."""
        return self.periods.get(sync_type, sync_type.period_type.checked_periods)


class FreshnessSettings(Section):
    """When a table is stale: in the SQL functions, the sensor, the Dag and on the page alike."""

    days_allowed: dict[SyncType, AllowedDays] = Field(
        default=_of_each_type("days_allowed"),
        description="how old the newest finished period may be, in days since its end",
    )

    def allowed(self, sync_type: SyncType) -> int:
        """``freshness.allowed(SyncType.WEEKLY) == 14``."""
        return self.days_allowed.get(sync_type, sync_type.period_type.days_allowed)


class RetentionSettings(Section):
    """What the daily task deletes."""

    log_weeks: int = Field(
        default=104, ge=4, description="runs, their checks, sent alerts and what the source held go after so many weeks"
    )
    rejects_weeks: int = Field(default=26, ge=1, description="rejects go after so many weeks")
    changes_days: int = Field(
        default=100,
        ge=1,
        le=36_500,
        description="what publishes changed is kept so many days, and each period as it was",
    )
    summary_weeks: int | None = Field(
        default=None,
        ge=13,
        description="quarters further back go with their months and weeks; null: all stay",
        examples=[156],
    )


AlertKind = Literal["failed", "stale", "warning", "late", "recovered"]


class AlertSettings(Section):
    """Whom to notify of what; without a connection nobody is notified."""

    conn_id: str | None = Field(
        default=None, min_length=1, description="an Apprise connection; null: no alerts", examples=["sqp_alerts"]
    )
    runs_longer_than_minutes: float = Field(
        default=15, gt=0, le=7 * 24 * 60, description="a run that has not finished by then is late"
    )
    restated_above: Fraction | None = Field(
        default=0.25,
        description="warn of a publish that changes a larger part of what was published; null: of none",
    )
    causes: tuple[AlertKind, ...] = Field(
        default=("failed", "stale", "warning", "late", "recovered"),
        description="what people are notified of",
        examples=[["failed", "stale"]],
    )


class Settings(Section):
    """All settings of one feed. What they say of each period type may name some types only."""

    feed: str | None = Field(default=None, description="its name; null: the only feed of the file")
    source: SourceSettings
    target: TargetSettings = TargetSettings()
    checks: CheckSettings = CheckSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    restatements: RestatementSettings = RestatementSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    completeness: CompletenessSettings = CompletenessSettings()
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

    @field_validator("owner_link")
    @classmethod
    def _is_a_link(cls, link: str | None) -> str | None:
        """Refuse what Airflow would refuse in a Dag file, and so for the Dags of all feeds."""
        try:
            names_nothing = link is not None and not (urlsplit(link).netloc or link.startswith("mailto:"))
        except ValueError as error:
            raise ValueError(f"is no address ({error})") from None
        if names_nothing:
            raise ValueError("names no host; expected an address such as https://wiki.example.com/team")
        return link

    @property
    def owner_links(self) -> dict[str, str]:
        """``{"sqp-sync": "mailto:data@example.com"}``, as a Dag wants it."""
        return {self.owner: self.owner_link} if self.owner_link else {}

    @property
    def tags(self) -> list[str]:
        """``["feed:acme_us"]``, for the Dag list; nothing for the only feed."""
        return [f"feed:{self.feed}"] if self.feed else []

    @property
    def labels(self) -> dict[str, str]:
        """``{"feed": "acme_us"}``, for metrics and BigQuery jobs; nothing for the only feed."""
        return {"feed": self.feed} if self.feed else {}

    @property
    def spread(self) -> timedelta:
        """How much later than the first one the runs of this feed fall due, so that not all do at once."""
        if self.feed is None or not self.schedule.spread_minutes:
            return timedelta()
        return timedelta(minutes=zlib.crc32(self.feed.encode()) % self.schedule.spread_minutes)

    def named(self, dag_id: str) -> str:
        """``settings.named("sqp_restatements") == "sqp_restatements__acme_us"``; unchanged for the only feed."""
        return f"{dag_id}__{self.feed}" if self.feed else dag_id

    def worded(self, text: str) -> str:
        """Put the names of this feed's schema and Dags into a text that names those of a single feed.

        ``settings.worded("sqp.period_status, sqp_weekly_sync")`` is
        ``sqp_acme_us.period_status, sqp_weekly_sync__acme_us``.
        """
        text = re.sub(r"\bsqp\.(?=[a-z])", f"{self.target.schema_name}.", text)
        return _DAGS.sub(lambda found: self.named(found[0]), text)

    def dag_id(self, sync_type: SyncType) -> str:
        """``settings.dag_id(SyncType.WEEKLY) == "sqp_weekly_sync__acme_us"``."""
        return self.named(sync_type.dag_id)

    def of_period_types(self) -> list[dict[str, Any]]:
        """Return what ``period_type`` has of the settings, a row for each type."""
        return [
            {
                "sync_type": sync_type.value,
                "delay_days": self.schedule.delay(sync_type).days,
                "days_allowed": self.freshness.allowed(sync_type),
                "complete_above": self.completeness.asins,
                "quiet_checks": self.completeness.checks,
                "kept_changes": self.target.keep_changes_rows,
            }
            for sync_type in SyncType
        ]

    @classmethod
    def checked(cls, content: dict[str, Any], *, origin: str) -> Settings:
        """Check settings that were read from ``origin``, which the message names."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            mistakes = "; ".join(mistake(detail) for detail in error.errors(include_url=False))
            raise InvalidSettings(f"{origin}: {mistakes}") from None
