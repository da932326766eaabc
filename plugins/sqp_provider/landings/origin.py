"""Which ASIN, marketplace and period a file is of: by its first line, its name, its cells and the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqp_provider.core.errors import InvalidPeriod
from sqp_provider.core.marketplaces import MARKETPLACES
from sqp_provider.core.period import Period, SyncType
from sqp_provider.landings.columns import REPORTING_DATE
from sqp_provider.landings.errors import UnusableExport
from sqp_provider.landings.first_line import FirstLine

_ASIN = re.compile(r"[A-Z0-9]{10}")
_NAMED = re.compile(r"([A-Z]{2})_Search_Query_Performance", re.IGNORECASE)


@dataclass(frozen=True)
class ExportOptions:
    """What the command line says of all files.

    :param marketplace: an id.
    :param headers: folded header: column, or None for a column that is left out.
    """

    asin: str | None = None
    marketplace: str | None = None
    sync_type: SyncType | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)


def marketplace_of(name: str, options: ExportOptions) -> str:
    """Return the marketplace id: of the option, else of the country at the start of the file's name."""
    named = _NAMED.match(name)
    country = named[1].upper() if named else ""
    by_name = MARKETPLACES.get(country)
    if by_name and options.marketplace not in (None, by_name):
        raise UnusableExport(
            f"is named as an export of {country} ({by_name}), but --marketplace is {options.marketplace}. Load the "
            "files of each marketplace by themselves, or rename the file if its name is wrong."
        )
    found = options.marketplace or by_name
    if found is None:
        raise UnusableExport("does not say its marketplace. Say it with --marketplace, for example --marketplace US.")
    return found


def asin_of(said: FirstLine, rows: list[dict[str, Any]], options: ExportOptions) -> str:
    """Return the ASIN that the first line says, else a column that somebody added, else the option."""
    found = {
        "its first line": said.asin,
        "its column ASIN": _only("ASINs", (row["asin"].strip().upper() for row in rows if row.get("asin"))),
        "--asin": options.asin.strip().upper() if options.asin else None,
    }
    origin, asin = next(((key, str(each)) for key, each in found.items() if each), ("", ""))
    if not asin:
        raise UnusableExport("does not say its ASIN: it has no first line such as ASIN=[…]. Say it with --asin.")
    for other, value in found.items():
        if value and value != asin:
            raise UnusableExport(f"is of {asin} by {origin}, but {other} is {value}. Leave out the wrong one.")
    if not _ASIN.fullmatch(asin):
        raise UnusableExport(f"is of {asin!r} by {origin}; expected ten letters and digits.")
    return asin


def _only(what: str, values: Iterator[Any]) -> Any:
    """Return the one value, or None."""
    found = sorted(set(values))
    if len(found) > 1:
        raise UnusableExport(f"has {len(found)} {what} ({found[0]}, {found[1]}, …); expected one. Split the file.")
    return found[0] if found else None


def period_of(said: FirstLine, rows: list[dict[str, Any]], options: ExportOptions) -> Period:
    """Return the period: its type by the first line or the option, its last day by the column Reporting Date."""
    sync_type = said.sync_type or options.sync_type
    if sync_type is None:
        name = f"its range is {said.range_name!r}, which is not known" if said.range_name else "it has no range"
        raise UnusableExport(f"does not say its period: {name}. Say it with --period weekly, monthly or quarterly.")
    if options.sync_type not in (None, sync_type):
        raise UnusableExport(
            f"is {sync_type} by its first line, but --period is {options.sync_type}. Correct --period."
        )
    day = _only("reporting dates", (row[REPORTING_DATE] for row in rows if row.get(REPORTING_DATE)))
    last_day = day or (said.days and said.days[1])
    if last_day is None:
        raise UnusableExport("has neither a column Reporting Date nor days in its first line. Export it again.")
    try:
        period = Period.containing(sync_type, last_day)
    except InvalidPeriod as error:
        raise UnusableExport(f"has the reporting date {last_day}: {error}") from None
    if period.last_day != last_day:
        raise UnusableExport(
            f"has the reporting date {last_day} ({last_day:%A}), which ends no {sync_type} period; the one it lies in "
            f"ends on {period.last_day}. Check --period, or export it again."
        )
    if other := said.contradicts(period):
        raise UnusableExport(f"is of {period} by its reporting date, but its first line says {other}. Export it again.")
    return period
