"""The parameters of the page's addresses. Other or wrong parameters are refused with 422."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from sqp_provider.core.period import SyncType

LARGEST_ID = 2**63 - 1

SyncLogId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="the id of a row of sync_log")]


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("has a NUL character, which Postgres cannot store")
    return text


RunPart = Annotated[str, Path(max_length=250, description="dag_id or run_id"), AfterValidator(_storable)]


class Parameters(BaseModel):
    """Parameters of an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: Any) -> Any:
        """Treat an empty field as unset, because a form also sends the fields that nobody filled in."""
        return None if isinstance(value, str) and not _storable(value).strip() else value


class HistoryFilter(Parameters):
    """The filter of the history: ``?type=weekly&status=failed&period_from=2026-10-01&text=Superseded&before=4711``."""

    type: SyncType | None = None
    status: Literal["started", "completed", "failed"] | None = None
    period_from: date | None = None
    period_to: date | None = None
    dag_id: str | None = Field(default=None, max_length=250)
    text: str | None = Field(default=None, max_length=200, description="part of run id, error or sync id")
    before: int | None = Field(default=None, ge=1, le=LARGEST_ID, description="only runs older than this id")

    @model_validator(mode="after")
    def _from_before_to(self) -> HistoryFilter:
        if self.period_from and self.period_to and self.period_from > self.period_to:
            raise ValueError(f"period_from {self.period_from} is after period_to {self.period_to}")
        return self

    @property
    def asked(self) -> dict[str, str]:
        """The fields that are set, without ``before``, as texts for an address."""
        return {key: str(value) for key, value in self.model_dump(exclude={"before"}).items() if value is not None}


class PeriodFilter(Parameters):
    """The filter of the periods: ``?type=monthly&periods=12``."""

    type: SyncType | None = None
    periods: int | None = Field(default=None, ge=1, le=520)


class MatrixFilter(Parameters):
    """The filter of the feeds: ``?show=untrusted&find=acme``."""

    show: Literal["all", "untrusted"] | None = None
    find: str | None = Field(default=None, max_length=200, description="part of a feed's name, or of what is wrong")


class OverviewFilter(Parameters):
    """Of which type the overview has a chart: ``?chart=monthly``."""

    chart: SyncType | None = None


class StartFilter(MatrixFilter, OverviewFilter):
    """The filter of the feeds, or what the overview of the only feed shows."""


class RejectsFilter(Parameters):
    """The format of the rejects: ``?format=csv``."""

    format: Literal["csv", "ndjson"] | None = None


class NoQuery(Parameters):
    """A page that takes no parameters."""
