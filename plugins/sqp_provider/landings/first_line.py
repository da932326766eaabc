"""The line above the header of Amazon's export: which ASIN, which range, which week, month or quarter.

Shapes that public readers of such files expect (happylollibox-coder/OI and market-math/keyword-amazon on GitHub)::

    ASIN or Product=["B0DEMO0001"],Reporting Range=["Weekly"],Select week=["Week 45 | 2026-11-01 - 2026-11-07 2026"]
    ASIN=["B0DEMO0001"],Reporting Range=["Monthly"],Select year=["2026"],Select month=["October"]
    ASIN=["B0DEMO0001"],Reporting Range=["Quarterly"],Select year=["2026"],Select quarter=["3"]
    Brand=["Acme"],Reporting Range=["Weekly"],Select week=["…"]
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date

from sqp_provider.core.period import Period, SyncType
from sqp_provider.landings.errors import UnusableExport

_ENTRY = re.compile(r"""([^=\[\],;\t"]+)=\[(.*?)\]""")
_VALUE = re.compile(r'"+([^"]*)"+')
_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2})\s*[-–]\s*(\d{4}-\d{2}-\d{2})")
_MONTHS = {name.casefold(): number for number, name in enumerate(calendar.month_name) if name}

BRAND_VIEW = (
    "is an export of the Brand view, which has no figures by ASIN. In Brand Analytics, Search Query Performance, "
    "choose the ASIN view, one ASIN and one period, and load the file that it exports."
)


@dataclass(frozen=True)
class FirstLine:
    """What the line says; None where it says nothing.

    :param range_name: the range in the file's own language, if it is not known.
    :param number: which month or quarter of the year.
    """

    asin: str | None = None
    sync_type: SyncType | None = None
    range_name: str | None = None
    days: tuple[date, date] | None = None
    year: int | None = None
    number: int | None = None

    def contradicts(self, period: Period) -> str | None:
        """Return what the line says otherwise than the figures' period: ``2026-11-01..2026-11-07``."""
        if self.days and self.days != (period.first_day, period.last_day):
            return f"{self.days[0]}..{self.days[1]}"
        numbered = {"year": period.first_day.year} | period.sync_type.period_type.number(period.first_day)
        if self.year and self.year not in (numbered["year"], period.last_day.year):
            return f"year {self.year}"
        unit = period.sync_type.period_type.unit
        if self.number and self.number != numbered.get(unit, self.number):
            return f"{unit} {self.number}"
        return None


def is_first_line(text: str) -> bool:
    """Return whether a line says what was chosen, and is not the header."""
    return _ENTRY.search(text) is not None


def read_first_line(text: str) -> FirstLine:
    """Read the line.

    :raises UnusableExport: the file is of the Brand view, or of several ASINs.
    """
    said = {key.strip().casefold(): _VALUE.findall(values) for key, values in _ENTRY.findall(text)}
    by_asin = next((values for key, values in said.items() if "asin" in key), None)
    if by_asin is None and "brand" in said:
        raise UnusableExport(BRAND_VIEW)
    if by_asin and len(set(by_asin)) > 1:
        raise UnusableExport(
            f"is of {len(set(by_asin))} ASINs ({', '.join(by_asin)}), and its rows do not say which. "
            "Export each ASIN into a file of its own."
        )
    days = _chosen_days(text)
    name = next(iter(said.get("reporting range", [])), None)
    sync_type = _type_named(name) or _type_of(days)
    return FirstLine(
        asin=by_asin[0].strip().upper() if by_asin else None,
        sync_type=sync_type,
        range_name=None if sync_type else name,
        days=days,
        year=_whole(next(iter(said.get("select year", [])), "")),
        number=_number(said),
    )


def _type_named(name: str | None) -> SyncType | None:
    return next((each for each in SyncType if name and name.strip().casefold() == each.value), None)


def _type_of(days: tuple[date, date] | None) -> SyncType | None:
    """Return the type whose period has exactly these days: the name of the range may be in any language."""
    if days is None or days[0].year == date.max.year:  # its last week ends after the calendar
        return None
    periods = (Period.containing(sync_type, days[0]) for sync_type in SyncType)
    return next((each.sync_type for each in periods if (each.first_day, each.last_day) == days), None)


def _chosen_days(text: str) -> tuple[date, date] | None:
    found = _DAYS.search(text)
    try:
        return (date.fromisoformat(found[1]), date.fromisoformat(found[2])) if found else None
    except ValueError:
        return None


def _number(said: dict[str, list[str]]) -> int | None:
    month = next(iter(said.get("select month", [])), "")
    if month:
        return _MONTHS.get(month.split("|")[0].strip().casefold())
    return _whole(next(iter(said.get("select quarter", [])), "").removeprefix("Q"))


def _whole(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() else None
