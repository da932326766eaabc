"""The parameters of the story's addresses, and the period that an address names."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, HTTPException
from pydantic import Field, field_validator

from sqp_provider.core.errors import InvalidPeriod
from sqp_provider.core.period import Period, SyncType
from sqp_provider.status.filters import LARGEST_ID, Parameters


class NoSuchPeriod(HTTPException):
    """404 for a day on which no period starts."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(404, detail)
        self.remedy = remedy


def named_period(sync_type: SyncType, period_start: date) -> Period:
    """Return the period of ``/period/weekly/2026-11-08``.

    :raises NoSuchPeriod: no period of that type starts on that day. The remedy names the one that it belongs to.
    """
    try:
        found = Period.containing(sync_type, period_start)
    except InvalidPeriod:
        raise NoSuchPeriod(f"{period_start} lies in no {sync_type} period.", "Correct the date.") from None
    if found.first_day != period_start:
        raise NoSuchPeriod(
            f"No {sync_type} period starts on {period_start}.",
            f"The one that it belongs to starts on {found.first_day}: open /period/{sync_type}/{found.first_day}.",
        )
    return found


Named = Annotated[Period, Depends(named_period)]


class VersionFilter(Parameters):
    """Which publish a period's page tells of: ``?version=4711``; without it the newest that changed rows."""

    version: int | None = Field(default=None, ge=1, le=LARGEST_ID)
    by: Literal["others"] | None = None
    after: int | None = Field(default=None, ge=0, le=LARGEST_ID, description="only changes with larger ids")


class ChangesFilter(VersionFilter):
    """Which changed rows: ``?version=4711&query=wireless mouse&asin=B000000001``."""

    query: str | None = Field(default=None, max_length=2_600)
    asin: str | None = Field(default=None, max_length=20)

    @property
    def values(self) -> dict[str, Any]:
        """The values of the statement ``changes``."""
        values = self.model_dump(include={"version", "query", "asin"})
        return values | {"strangers": self.by == "others", "after": self.after or 0}


class DownloadFilter(ChangesFilter):
    """Which changed rows as a file, and its format."""

    format: Literal["csv", "ndjson"] | None = None


class AskedChanges(ChangesFilter):
    """Which changed rows of which period: ``?type=weekly&period_start=2026-11-08&version=4711``."""

    type: SyncType
    period_start: date


class KeyFilter(Parameters):
    """The row of a query and an ASIN: ``?query=wireless mouse&asin=B000000001``."""

    query: str = Field(max_length=2_600)
    asin: str = Field(max_length=20)


class SearchFilter(Parameters):
    """What is searched for: ``?type=weekly&query=wireless mouse``, ``?asin=B000000001``, or both."""

    type: SyncType | None = None
    query: str | None = Field(default=None, max_length=2_600)
    asin: str | None = Field(default=None, max_length=20)

    @field_validator("asin")
    @classmethod
    def _upper(cls, value: str | None) -> str | None:
        return value and value.strip().upper()

    @property
    def sync_type(self) -> SyncType:
        """The type that is asked for; weeks if none is."""
        return self.type or SyncType.WEEKLY

    @property
    def is_empty(self) -> bool:
        """Whether nothing is searched for."""
        return self.query is None and self.asin is None

    @property
    def spellings(self) -> list[str]:
        """The query as it was typed, and as a sync stores it: white space folded, in lower case."""
        typed = self.query or ""
        return list(dict.fromkeys([typed, " ".join(typed.split()).lower()]))

    @property
    def asked(self) -> dict[str, str]:
        """The fields that are set, as texts for an address."""
        return {key: str(value) for key, value in self.model_dump().items() if value is not None}
