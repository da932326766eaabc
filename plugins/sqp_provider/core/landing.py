"""How the configuration says where a logical column is in the source, and which rows belong to the feed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import Field, StringConstraints, field_validator, model_validator

from sqp_provider.core.contract import (
    ASIN,
    CURRENCY,
    INGESTED_AT,
    PERIOD_END,
    PERIOD_START,
    REPORT_PERIOD,
    SEARCH_QUERY,
)
from sqp_provider.core.period import SyncType
from sqp_provider.core.section import Section

ColumnPath = Annotated[str, StringConstraints(pattern=r"^[^`\\\"\x00-\x1f]+$", min_length=1, max_length=300)]
"""``asin``, ``Search Query``; ``clickData.asinClickCount`` for a field, ``marketplaceIds[0]`` for an entry."""

DATE_FORMAT = r"^[%A-Za-z0-9 /:.,_+-]+$"

_REPORTS = {sync_type: sync_type.period_type.unit for sync_type in SyncType}

_DATES = {PERIOD_START.key, PERIOD_END.key}
_TEXTS = {ASIN.key, SEARCH_QUERY.key, REPORT_PERIOD.key, CURRENCY.key, "marketplace"}
_ALLOWED: dict[str, set[str]] = {
    "value": {ASIN.key, REPORT_PERIOD.key, CURRENCY.key},
    "pattern": {*_DATES, *_TEXTS, INGESTED_AT.key},
    "format": {*_DATES, INGESTED_AT.key},
    "time_zone": {*_DATES, INGESTED_AT.key},
    "unit": {INGESTED_AT.key},
    **{str(sync_type): {REPORT_PERIOD.key} for sync_type in _REPORTS},
}
"""Which logical columns a key of a mapping makes sense for."""


class Place(Section):
    """Where a logical column is, and how it is read; or the one value that all rows have."""

    column: ColumnPath | None = None
    value: str | None = Field(default=None, min_length=1)
    pattern: str | None = Field(default=None, min_length=1, max_length=300)
    format: str | None = Field(default=None, pattern=DATE_FORMAT, max_length=60)
    time_zone: str | None = None
    unit: Literal["seconds", "milliseconds", "microseconds"] | None = None
    weekly: tuple[str, ...] = ()
    monthly: tuple[str, ...] = ()
    quarterly: tuple[str, ...] = ()

    @field_validator("pattern")
    @classmethod
    def _has_one_group(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"is not a pattern: {error}") from None
            if groups > 1:
                raise ValueError(f"has {groups} groups; expected one, the part to take, or none")
        return pattern

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None and name not in available_timezones():
            raise ValueError("is not a time zone; expected a name such as Europe/London or UTC")
        return name

    @model_validator(mode="after")
    def _one_origin(self) -> Place:
        if (self.column is None) == (self.value is None):
            raise ValueError("expected either column or value")
        if self.value is not None and self.pattern is not None:
            raise ValueError("a fixed value has no pattern")
        return self

    def refuse_unless_for(self, key: str) -> None:
        """Raise if a key is set that makes no sense for the logical column: ``unit`` for ``asin``."""
        for name, keys in _ALLOWED.items():
            if getattr(self, name) and key not in keys:
                raise ValueError(f"columns.{key}: {name} is only for {', '.join(sorted(keys))}")
        if key == CURRENCY.key and self.value is not None and not re.fullmatch("[A-Za-z]{3}", self.value):
            raise ValueError(f"columns.{key}: value is {self.value!r}; expected three letters, such as USD")

    def report_names(self) -> dict[str, tuple[str, ...]]:
        """Return how the source names each report, in lower case: ``{"week": ("week", "weekly"), …}``."""
        return {
            word: tuple(_folded(name) for name in getattr(self, sync_type)) or (word, str(sync_type))
            for sync_type, word in _REPORTS.items()
        }

    @property
    def fixed_report(self) -> str | None:
        """The report that all rows are of, if the configuration says so: ``week``."""
        if self.value is None:
            return None
        return next((word for word, names in self.report_names().items() if _folded(self.value) in names), "unknown")


def _folded(name: str) -> str:
    return " ".join(name.split()).lower()


def as_places(found: Any) -> Any:
    """Turn what the file says of a column into mappings: a name, a mapping, or a list of such."""
    if found is None:
        return None
    entries = list(found) if isinstance(found, (list, tuple)) else [found]
    if not entries:
        raise ValueError("is an empty list; expected at least one column, or null")
    return tuple({"column": entry} if isinstance(entry, str) else entry for entry in entries)


Scalar = bool | int | str | None


class Condition(Section):
    """What a column must have, so that a row belongs to the feed.

    :param values: one of these; null for rows that have none.
    :param fold: case and surrounding white space make no difference.
    """

    values: tuple[Scalar, ...] = Field(min_length=1)
    fold: bool = False

    @model_validator(mode="after")
    def _of_one_type(self) -> Condition:
        kinds = {type(value) for value in self.values if value is not None}
        if len(kinds) > 1:
            raise ValueError("its values are of several types; expected all texts, all whole numbers or all true/false")
        if self.fold and kinds != {str}:
            raise ValueError("fold is only for texts")
        return self

    @property
    def compared(self) -> tuple[bool | int | str, ...]:
        """The values that are compared; without null, and folded where that is wanted."""
        known = (value for value in self.values if value is not None)
        return tuple(_folded(value) if self.fold and isinstance(value, str) else value for value in known)

    @property
    def takes_empty(self) -> bool:
        """Whether rows belong to the feed that have no value, or an empty one."""
        return any(value is None or value == "" for value in self.values)

    def __str__(self) -> str:
        return " or ".join("null" if value is None else str(value) for value in self.values)


def as_condition(found: Any) -> Any:
    """Turn what the file says of a condition into a mapping: a value, a list of values, or a mapping."""
    if isinstance(found, (Mapping, Condition)):
        return found
    entries = found if isinstance(found, list) else [found]
    if not entries:
        raise ValueError("is an empty list; expected at least one value")
    for entry in entries:
        if entry is not None and not isinstance(entry, (bool, int, str)):
            raise ValueError(f"found {type(entry).__name__}; expected a text, a whole number, true, false or null")
    return {"values": tuple(entries)}


_FEED_WORDS = re.compile(
    r"(.+_)?(market_?place|country|account|seller|merchant|client|company|customer|vendor|tenant|store|shop|profile|"
    r"selling_partner|partner|advertiser|organi[sz]ation|workspace)s?"
    r"(_?(id|ids|name|code|key|number|label|token|country|country_code))*|(.+_)?scope(_type)?"
)


def tells_feeds_apart(path: str) -> bool:
    """Return whether a column looks as if its values were different sellers, clients or marketplaces.

    ``True`` for ``Client Name``, ``marketplace_country_code``, ``ob_seller_id`` and ``account.id``, ``False`` for
    ``asin`` and ``account_manager``.
    """
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", path)
    return _FEED_WORDS.fullmatch(re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")) is not None
