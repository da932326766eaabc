"""What Postgres says of a period and of rows of it, besides their figures: status, syncs, checks and changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqp_provider.core.proof import Asked
from sqp_provider.core.proof_evidence import Evidence
from sqp_provider.target.proof import StoredPeriod

MOST_SYNCS = 3
"""So many syncs are shown: the one that published the period, and those of the rows that are asked for."""

MOST_HISTORIES = 3
"""Of so many rows the changes are shown."""


def evidence_of(stored: StoredPeriod, question: Asked) -> tuple[Evidence, Asked]:
    """Return what is known, and the question as Postgres has its query and ASIN: as given, if it has such a row."""
    asked = question if not question.is_figure or stored.count(question) else question.as_stored()
    known = stored.known()
    rows = stored.rows(asked) if asked.is_figure else []
    ids = dict.fromkeys([known.ledger.get("sync_log_id"), *(row["sync_log_id"] for row in rows)])
    syncs = [_sync(stored, found, known.ledger) for found in list(filter(None, ids))[:MOST_SYNCS]]
    keys = [(row["query"], row["asin"]) for row in rows] or ([asked.key] if asked.key else [])
    found = Evidence(
        known,
        stored.count(asked) if asked.is_figure else 0,
        rows,
        [sync for sync in syncs if sync],
        {key: stored.history(*key) for key in keys[:MOST_HISTORIES]},
        stored.not_kept(),
    )
    return found, asked


def _sync(stored: StoredPeriod, sync_log_id: int, ledger: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a row of the log with the checks of the attempt that published; None if it was deleted."""
    sync = stored.sync(sync_log_id)
    if sync is None:
        return None
    attempt = ledger["attempt"] if ledger.get("sync_log_id") == sync_log_id else sync["attempt"]
    return sync | {"checks": stored.checks(sync_log_id, attempt)}
