"""The panels of a period's story, for the pages and for JSON."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from fastapi import HTTPException

from sqp_provider.core.period import Period
from sqp_provider.core.settings import Settings
from sqp_provider.status.queries import StatusReader
from sqp_provider.status.story_filters import ChangesFilter, KeyFilter, VersionFilter
from sqp_provider.status.story_models import PeriodDetail, PeriodVersion, RowDetail


def period_detail(reader: StatusReader, period: Period, asked: VersionFilter) -> PeriodDetail:
    """Return a period with its publishes, and what moved in the one that is asked for.

    :raises HTTPException: 404 if nothing is known of the period, or it has no such version.
    """
    found = reader.story.period(period)
    if found is None:
        raise HTTPException(404, f"Nothing is known of the {period}: no sync of it has run.")
    versions = reader.story.versions(period)
    version = None if asked.by else chosen_version(versions, asked.version)
    if asked.version and version is None:
        raise HTTPException(404, f"The {period} has no version {asked.version}. Old ones may have been deleted.")
    return PeriodDetail(
        period=found,
        versions=versions,
        strangers=reader.story.strangers(period),
        version=version,
        movers=reader.story.movers(period, version) if version else [],
    )


def chosen_version(versions: Sequence[PeriodVersion], asked: int | None) -> int | None:
    """Return the version that is asked for; else the newest that changed rows which were there before, if any did."""
    if asked is not None:
        return next((each.version for each in versions if each.version == asked), None)
    return next((each.version for each in versions if changed_rows(each)), None)


def changed_rows(version: PeriodVersion) -> bool:
    """Whether a publish changed rows that were there before it."""
    return not version.is_first and bool(version.inserted or version.updated or version.deleted)


MOST_OF_ROW = 1_000
"""How many changes of one row are shown, the newest first."""


def row_detail(reader: StatusReader, settings: Settings, period: Period, asked: KeyFilter) -> RowDetail:
    """Return a row of a period as it is now, with its changes.

    :raises HTTPException: 404 if it is not there and never changed.
    """
    figures = reader.story.stored(period, asked.query, asked.asin)
    filtered = ChangesFilter(query=asked.query, asin=asked.asin)
    changes = reader.story.changes(period, filtered, MOST_OF_ROW).rows[::-1]
    if figures is None and not changes:
        raise HTTPException(404, f"The {period} has no row of query {asked.query[:200]!r} and ASIN {asked.asin!r}.")
    return RowDetail(figures=figures, changes=changes, command=prove_command(settings, period, asked.query, asked.asin))


def prove_command(settings: Settings, period: Period, query: str | None = None, asin: str | None = None) -> str:
    """``sqp prove weekly 2026-11-08 --query 'wireless mouse' --asin B000000001``, ready for a shell."""
    words = ["sqp", "prove", period.sync_type.value, str(period.first_day)]
    for option, value in (("--query", query), ("--asin", asin), ("--feed", settings.feed)):
        if value is not None:
            words += [f"{option}={value}"] if value.startswith("-") else [option, value]
    return shlex.join(words)
