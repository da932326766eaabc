"""By what a source table is clustered, and whether that saves a feed bytes: BigQuery skips blocks of other rows."""

from __future__ import annotations

from sqp_provider.core.doctor import Answer, good, warning
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.source.landing import Landing

LARGE_TABLE = 2**30
"""Below it, a table without partitions or clustering costs nothing to speak of."""


def clusterable(landing: Landing) -> list[str]:
    """Return the columns of the feed's conditions by which BigQuery can skip blocks."""
    return [compared.leaf.path for compared in landing.compared if compared.is_plain]


def is_clustered(landing: Landing, facts: TableFacts) -> bool:
    """Whether a table is clustered by one of them first. The later columns of a clustering order only within it."""
    first = facts.clustered_by[:1]
    return any(column.lower() == name.lower() for column in clusterable(landing) for name in first)


def clustering(landing: Landing) -> Answer:
    """Say by what the first table is clustered, and what to do if that is of no use to the feed."""
    facts, conditions = landing.facts, [compared.leaf.path for compared in landing.compared]
    by = f"by {', '.join(facts.clustered_by)}"
    if is_clustered(landing, facts):
        return good(f"{by}: BigQuery skips blocks without rows of this feed; the bytes below are the most it reads")
    if not conditions:
        if facts.clustered_by:
            return good(f"{by}; BigQuery may read less than the dry runs below say")
        return good("not clustered, and no sync of this configuration would read less if it were")
    how = by if facts.clustered_by else "not clustered"
    found = f"{how}; each sync reads also the rows that {', '.join(conditions)} leaves out"
    advice = _advice(landing)
    return warning(found, advice) if advice and (facts.byte_count or 0) >= LARGE_TABLE else good(found)


def _advice(landing: Landing) -> str:
    if columns := clusterable(landing):
        return f"Cluster the table by {columns[0]}{' first' if landing.facts.clustered_by else ''}."
    folded = [compared for compared in landing.compared if compared.is_column]
    if not folded:
        return ""
    path = folded[0].leaf.path
    instead = " in place of source.marketplace" if landing.settings.marketplace else ""
    return (
        f"Cluster the table by {path}, and say source.where: {{{path}: …}}{instead}, spelled as in the table: where "
        "case makes no difference, BigQuery skips no blocks."
    )
