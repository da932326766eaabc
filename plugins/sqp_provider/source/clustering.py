"""By what a source table is clustered, and whether that saves a feed bytes: BigQuery skips blocks of other rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqp_provider.core.doctor import Answer, good, warning
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.source.conditions import Compared
from sqp_provider.source.landing import Landing

LARGE_TABLE = 2**30
"""Below it, a table without partitions or clustering costs nothing to speak of."""


def clusterable(landing: Landing, common: Collection[str] = ()) -> list[str]:
    """Return the columns of the feed's conditions by which BigQuery can skip blocks of other feeds.

    :param common: columns, in lower case, of which all feeds of the table ask the same.
    """
    return [compared.leaf.path for compared in _telling(landing, common) if compared.is_plain]


def clustered_by(columns: Sequence[str], facts: TableFacts) -> str | None:
    """Return the one that a table is clustered by first. The later columns of a clustering order only within it."""
    first = [name.lower() for name in facts.clustered_by[:1]]
    return next((column for column in columns if column.lower() in first), None)


def clustering(landing: Landing, common: Collection[str] = ()) -> Answer:
    """Say by what the first table is clustered, and what to do if that is of no use to the feed.

    :param common: columns, in lower case, of which all feeds of the table ask the same.
    """
    facts, conditions = landing.facts, [compared.leaf.path for compared in landing.compared]
    by = f"by {', '.join(facts.clustered_by)}"
    if clustered_by(clusterable(landing, common), facts):
        return good(f"{by}: BigQuery skips blocks without rows of this feed; the bytes below are the most it reads")
    if not conditions:
        if facts.clustered_by:
            return good(f"{by}; BigQuery may read less than the dry runs below say")
        return good("not clustered, and no sync of this configuration would read less if it were")
    how = by if facts.clustered_by else "not clustered"
    found = f"{how}; each sync reads also the rows that {', '.join(conditions)} leaves out"
    advice = _advice(landing, common)
    return warning(found, advice) if advice and (facts.byte_count or 0) >= LARGE_TABLE else good(found)


def _telling(landing: Landing, common: Collection[str]) -> list[Compared]:
    return [compared for compared in landing.compared if compared.leaf.path.lower() not in common]


def _advice(landing: Landing, common: Collection[str]) -> str:
    if columns := clusterable(landing, common):
        return f"Cluster the table by {columns[0]}{' first' if landing.facts.clustered_by else ''}."
    folded = [compared for compared in _telling(landing, common) if compared.is_column]
    if not folded:
        return ""
    path = folded[0].leaf.path
    instead = " in place of source.marketplace" if landing.settings.marketplace else ""
    return (
        f"Cluster the table by {path}, and say source.where: {{{path}: …}}{instead}, spelled as in the table: where "
        "case makes no difference, BigQuery skips no blocks."
    )
