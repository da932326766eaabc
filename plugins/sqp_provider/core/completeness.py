"""When a period is complete: the settings, and what is known of a period before it is published.

The arithmetic is in ``sql/schema/5_completeness.sql``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydantic import Field

from sqp_provider.core.period import Period
from sqp_provider.core.section import Section


class CompletenessSettings(Section):
    """When a period is complete. Amazon's reports arrive ASIN by ASIN, so rows alone do not tell."""

    asins: float = Field(
        default=0.95, gt=0, le=1, description="the part of the ASINs of the periods around it that a period must have"
    )
    checks: int = Field(
        default=2, ge=0, le=30, description="so many daily checks in a row must find nothing new in the source"
    )
    hold: bool = Field(
        default=False,
        description="true: a new period that lacks ASINs or rows waits until it has them, or until after its usual day",
    )


@dataclass(frozen=True)
class Outlook:
    """What is known of a period before it is published; built from a row of the statement ``outlook``.

    :param state: what the ledger says of it: ``synced``, ``derived``, ``adopted``, ``deleted``, or None.
    :param earlier: how many earlier periods are published, counted up to two.
    :param expected_by: when such a period is usually complete.
    """

    state: str | None
    earlier: int
    expected_by: date

    def is_early(self, today: date) -> bool:
        """Return whether the period may still be arriving. Without earlier periods nobody knows."""
        return self.state != "synced" and self.earlier >= 2 and today <= self.expected_by

    def not_there(self, period: Period) -> str:
        """Say that the source has nothing yet.

        ``not there yet, as expected: such a week is usually complete by 2026-11-19``
        """
        return f"not there yet, as expected: {self._usually(period)}"

    def held(self, period: Period, staged: StagedAsins) -> str:
        """Say why a period is not published yet.

        ``held: 44 of about 360 ASINs have arrived, and completeness.hold is true; such a week is usually complete by
        2026-11-19``
        """
        return f"held: {staged} have arrived, and completeness.hold is true; {self._usually(period)}"

    def _usually(self, period: Period) -> str:
        return f"such a {period.sync_type.period_type.unit} is usually complete by {self.expected_by}"


@dataclass(frozen=True)
class Answer:
    """How a period stands: the columns of ``period_status`` that say whether it can be trusted, and why."""

    sync_type: str
    period_start: date
    period_end: date
    trusted: bool
    verdict: str | None
    why: str

    def __str__(self) -> str:
        can = "can be trusted" if self.trusted else "cannot be trusted yet"
        return f"{self.sync_type} {self.period_start}..{self.period_end} {can}: {self.why}"


@dataclass(frozen=True)
class StagedAsins:
    """The ASINs of a staged period beside those that it should have; a row of the statement ``staged_asins``.

    :param expected: None if too few other periods are known.
    :param has_enough: whether it has as many ASINs as makes a period complete.
    :param rows_expected: how many rows the smallest of the periods around it has, if the staged rows are too few.
    """

    expected: int | None
    found: int | None
    has_enough: bool
    rows: int
    rows_expected: int | None

    @property
    def is_complete(self) -> bool:
        """Return whether nothing is missing, as far as is known."""
        return self.expected is None or (self.has_enough and self.rows_expected is None)

    def __str__(self) -> str:
        """Say what has arrived: ``44 of about 360 ASINs``, or ``5 of about 100 rows`` if it has its ASINs."""
        if self.has_enough and self.rows_expected is not None:
            return f"{self.rows:,} of about {self.rows_expected:,} rows"
        return f"{self.found or 0:,} of about {self.expected or 0:,} ASINs"
