"""What the overview lists under *What needs you?*: what no later run mends by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.status.models import Freshness, Headline, PeriodStatus

NAMED = 3
"""Of how many missing periods of a type the page shows a link."""


@dataclass(frozen=True)
class Need:
    """Something for a person to do; ``periods`` are those that it is about, the newest first."""

    standing: str
    subject: str
    periods: tuple[PeriodStatus, ...]
    says: str
    todo: str | None


def needs(
    settings: Settings, lines: Sequence[Headline], periods: Sequence[PeriodStatus], freshness: Sequence[Freshness]
) -> list[Need]:
    """Return what needs a person: periods that are missing or late, and tables that are stale.

    Failed syncs are not among them: the page lists them with their errors. A period that is restated, overwritten or
    outdated is synced by the next daily check.
    """
    return [
        *_never_synced(lines, periods),
        *(need for sync_type in SyncType for need in _missing(settings, sync_type, periods)),
        *(_late(row) for row in reversed(periods) if row.verdict == "late" and row.status == "synced"),
        *(_stale(settings, row) for row in freshness if row.is_stale and not _is_said(row, lines)),
    ]


def _never_synced(lines: Sequence[Headline], periods: Sequence[PeriodStatus]) -> Iterator[Need]:
    """Yield the newest due periods of which nothing is known."""
    known = {(row.sync_type, row.period_start) for row in periods}
    for line in lines:
        if (line.sync_type, line.period_start) not in known:
            yield Need("missing", line.answer, (), "", line.todo)


def _missing(settings: Settings, sync_type: SyncType, periods: Sequence[PeriodStatus]) -> Iterator[Need]:
    found = [row for row in reversed(periods) if row.sync_type == sync_type and row.standing == "missing"]
    if found:
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        todo = f"sqp_restatements syncs recent ones if the source has them. For others, trigger {sync_type.dag_id}."
        yield Need("missing", sync_type.value, tuple(found[:NAMED]), more, settings.worded(todo))


def _late(row: PeriodStatus) -> Need:
    todo = "Check in Seller Central whether reports of ASINs are missing."
    return Need("late", row.sync_type.value, (row,), f": {row.why or 'It is not complete.'}", todo)


def _is_said(table: Freshness, lines: Sequence[Headline]) -> bool:
    """Whether a card says of the table's newest period that it is missing or failed, and what to do."""
    return any(line.sync_type.target_table == table.table_name and line.verdict == "no" for line in lines)


def _stale(settings: Settings, table: Freshness) -> Need:
    dag_id = next((each.dag_id for each in SyncType if each.target_table == table.table_name), None)
    if table.newest_day is None:
        todo = dag_id and settings.worded(f"Trigger {dag_id}.")
        return Need("stale", table.table_name, (), " has no finished period yet.", todo)
    says = f": its newest day is {table.newest_day}; {table.days_allowed} days are allowed."
    return Need("stale", table.table_name, (), says, "See below which of its newest periods are missing or failed.")
