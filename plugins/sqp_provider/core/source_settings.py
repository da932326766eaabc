"""The section ``source`` of the configuration file: where the report lands and what its columns are called."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from sqp_provider.core.contract import INGESTED_AT, METRICS, REPORT_PERIOD, SOURCE_COLUMNS, Column
from sqp_provider.core.period import SyncType

_PROJECT = r"([A-Za-z0-9][A-Za-z0-9.:-]*\.)?"
DatasetName = Annotated[str, StringConstraints(pattern=rf"^{_PROJECT}[A-Za-z0-9_]+$", max_length=200)]
TableName = Annotated[str, StringConstraints(pattern=rf"^{_PROJECT}[A-Za-z0-9_]+\.[\w -]+$", max_length=400)]
ColumnName = Annotated[str, StringConstraints(pattern=r"^[^`\\\x00-\x1f]+$", max_length=300)]

_KEYS = {column.key: column for column in SOURCE_COLUMNS}


class Section(BaseModel):
    """A part of the file; a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(Section):
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
