"""Write the changed rows of a period as a file: NDJSON as kept, or CSV with one line for each changed figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqp_provider.core.contract import values_of
from sqp_provider.core.period import SyncType
from sqp_provider.status.rejects import csv_lines, harmless
from sqp_provider.status.story_models import Change

HEADING = ["version", "changed_at", "change", "query", "asin", "figure", "before", "after", "changed_by"]

Pages = Iterator[Sequence[Change]]


def figures_of(sync_type: SyncType, change: Change) -> list[tuple[str, Any, Any]]:
    """Return what differs of a changed row, without the bookkeeping: ``[("total_clicks", 81, 79)]``.

    A figure that only one of before and after has was or became null.
    """
    before, after = change.before or {}, change.after or {}
    return [
        (name, before.get(name), after.get(name)) for name in values_of(sync_type) if name in before or name in after
    ]


def as_csv(sync_type: SyncType, found: Pages) -> Iterator[str]:
    """Yield a heading and a line for each changed figure. No spreadsheet runs a cell as a formula."""
    yield csv_lines([HEADING])
    for page in found:
        yield csv_lines([line for change in page for line in _csv_rows(sync_type, change)])


def _csv_rows(sync_type: SyncType, change: Change) -> Iterator[list[Any]]:
    own = [change.version, change.changed_at.isoformat(), change.change, harmless(change.query), harmless(change.asin)]
    for name, before, after in figures_of(sync_type, change):
        yield [*own, name, harmless(before), harmless(after), harmless(change.changed_by)]


def as_ndjson(found: Pages) -> Iterator[str]:
    """Yield a JSON object for each changed row, with all columns that are kept."""
    for page in found:
        yield "".join(change.model_dump_json() + "\n" for change in page)
