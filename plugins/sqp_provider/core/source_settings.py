"""The section ``source`` of the configuration file: where the report lands and what its columns are called."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, field_validator, model_validator

from sqp_provider.core.contract import FIGURES, MARKETPLACE, METRICS, PRICED, REPORT_PERIOD, SOURCE_COLUMNS
from sqp_provider.core.landing import ColumnPath, Condition, Place, as_condition, as_places
from sqp_provider.core.period import SyncType
from sqp_provider.core.presets import PRESETS
from sqp_provider.core.section import Section

_PROJECT = r"([A-Za-z0-9][A-Za-z0-9.:-]*\.)?"
ProjectName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]*$", max_length=100)]
DatasetName = Annotated[str, StringConstraints(pattern=rf"^{_PROJECT}[A-Za-z0-9_]+$", max_length=200)]
_TABLE = re.compile(rf"{_PROJECT}[A-Za-z0-9_]+\.[\w -]+\*?")


def _checked_tables(tables: str | tuple[str, ...]) -> str | tuple[str, ...]:
    names = (tables,) if isinstance(tables, str) else tables
    if not names:
        raise ValueError("is an empty list; expected at least one table")
    for name in names:
        if len(name) > 400 or not _TABLE.fullmatch(name):
            raise ValueError("expected dataset.table or project.dataset.table, with a * only at the end")
    return tables


TableNames = Annotated[str | tuple[str, ...], AfterValidator(_checked_tables)]
Places = Annotated[tuple[Place, ...] | None, BeforeValidator(as_places)]
FixedCondition = Annotated[Condition, BeforeValidator(as_condition)]

_KEYS = {column.key: column for column in SOURCE_COLUMNS}


class SourceSettings(Section):
    """The BigQuery side."""

    conn_id: str = Field(default="sqp_bigquery", description="Airflow's connection to BigQuery")
    project: ProjectName | None = Field(
        default=None,
        description="where jobs run, and where tables and datasets are that name no project; null: that of `conn_id`",
        examples=["acme-reports"],
    )
    table: TableNames = Field(
        description="dataset.table, or project.dataset.table; a list of tables of one shape; a name that ends in `*` "
        "stands for all tables that begin so",
        examples=["amazon.search_query_performance"],
    )
    landing: str | None = Field(
        default=None, description="a known landing, whose keys hold unless the file says otherwise", examples=["sp-api"]
    )
    staging_dataset: DatasetName = Field(default="sqp_staging", description="where snapshots are written")
    location: str | None = Field(
        default=None, description="where jobs run; null: where the staging dataset is", examples=["EU"]
    )
    marketplace: str | None = Field(
        default=None,
        description="the one marketplace to sync, where it is a column; case makes no difference",
        examples=["ATVPDKIKX0DER"],
    )
    where: dict[ColumnPath, FixedCondition] = Field(
        default_factory=dict,
        description="what columns must have, so that a row belongs here: a value, a list of values (of sellers or "
        "marketplaces with `same_feed` too), or "
        "`{values: [us], fold: true}` where case makes no difference",
        examples=[{"Client Name": "Acme", "scope_type": ["asin"]}],
    )
    same_feed: tuple[ColumnPath, ...] = Field(
        default=(),
        description="columns that look as if they told sellers, clients or marketplaces apart, and do not",
        examples=[["account_id"]],
    )
    unnest: ColumnPath | None = Field(
        default=None,
        description="a list, in a record or in JSON, of which each entry is a row",
        examples=["dataByAsin"],
    )
    maximum_bytes_billed: int | None = Field(
        default=100 * 2**30, gt=0, description="an extract of more bytes is refused"
    )
    retry_seconds: float = Field(
        default=60,
        gt=0,
        description="how long a lost connection is tried again, and a missing source table asked for again",
    )
    snapshot_hours: int = Field(default=48, gt=0, le=24 * 30, description="how long a snapshot can be loaded again")
    read_streams: int = Field(
        default=1,
        gt=0,
        le=8,
        description="how many streams a load reads at once; more help where the network is slower than COPY, "
        "and each costs some 50 MB",
    )
    columns: dict[str, Places] = Field(
        default_factory=dict,
        description="logical column: where it is in the source, or null where the source has none",
        examples=[{"search_query": "Search Query"}],
    )

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, content: Any) -> Any:
        name = content.get("landing") if isinstance(content, dict) else None
        if name is None:
            return content
        if not isinstance(name, str) or name not in PRESETS:
            raise ValueError(f"landing {name!r} is not known; expected one of {', '.join(PRESETS)}")
        preset = PRESETS[name]
        merged = {
            key: (preset.get(key) or {}) | found
            for key in ("columns", "where")
            if isinstance(found := content.get(key) or {}, dict)
        }
        return preset | content | merged

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: dict[str, tuple[Place, ...] | None]) -> dict[str, tuple[Place, ...] | None]:
        for key, places in columns.items():
            if key not in _KEYS:
                raise ValueError(f"unknown column {key!r}; expected one of {', '.join(_KEYS)}")
            if places is None and _KEYS[key].required:
                raise ValueError(f"column {key!r} is required and cannot be null")
            for place in places or ():
                place.refuse_unless_for(key)
            if any(place.value for place in (places or ())[:-1]):
                raise ValueError(f"columns.{key}: a fixed value is never empty; expected it last in the list")
        return columns

    @model_validator(mode="after")
    def _complete(self) -> SourceSettings:
        if not (self.places("period_start") or self.places("period_end")):
            raise ValueError("columns.period_start and columns.period_end are both null; expected at least one")
        mapped = self.places(MARKETPLACE.key)
        if len(mapped) > 1:
            raise ValueError("columns.marketplace is a list; expected one column")
        if mapped and not self.marketplace:
            raise ValueError(
                "columns.marketplace is mapped but source.marketplace names none; "
                "expected one marketplace id, for example ATVPDKIKX0DER, so that two never mix"
            )
        if self.marketplace and not mapped:
            raise ValueError("source.marketplace is set but columns.marketplace is not mapped; expected a column name")
        return self

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables as the file names them."""
        return (self.table,) if isinstance(self.table, str) else self.table

    @property
    def label(self) -> str:
        """What messages call the source: ``amazon.report``, or ``amazon.us, amazon.ca``."""
        return ", ".join(self.tables)

    def places(self, key: str) -> tuple[Place, ...]:
        """Return where the source has a logical column, or nothing where it has none.

        Extras, such as ``report_period`` or the prices, exist only where the file maps them.
        """
        if key in self.columns:
            return self.columns[key] or ()
        column = _KEYS[key]
        return () if column.is_extra else (Place(column=column.source_name),)

    def mapped(self) -> dict[str, tuple[Place, ...]]:
        """Return where the columns are that the extract reads, by key."""
        places = {column.key: self.places(column.key) for column in SOURCE_COLUMNS}
        return {key: found for key, found in places.items() if found}

    def conditions(self) -> list[tuple[Place, Condition]]:
        """Return what a row must have to belong to the feed; the marketplace is one of them."""
        found = [(Place(column=path), condition) for path, condition in self.where.items()]
        if self.marketplace:
            condition = Condition(values=(self.marketplace,), fold=True)
            found += [(place, condition) for place in self.places(MARKETPLACE.key)]
        return found

    def is_summed_from_weeks(self, sync_type: SyncType) -> bool:
        """Return whether a month or quarter is summed from weeks: the source has no report of its own for it."""
        reports = self.places(REPORT_PERIOD.key)
        weekly = all(place.fixed_report == SyncType.WEEKLY.period_type.unit for place in reports)
        return sync_type is not SyncType.WEEKLY and weekly

    @property
    def mapped_metrics(self) -> tuple[str, ...]:
        """The target names of the counts that the source has."""
        return tuple(metric.column for metric in METRICS if self.places(metric.source.key))

    def extras(self, sync_type: SyncType) -> tuple[str, ...]:
        """Return the target names of the extras that the rows of a type have; a sum of weeks has no prices."""
        priced = () if self.is_summed_from_weeks(sync_type) else PRICED
        figures = (figure for figure in FIGURES if figure.source.is_extra)
        return tuple(each.column for each in (*figures, *priced) if self.places(each.source.key))
