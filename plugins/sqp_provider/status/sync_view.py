"""How far a run got, and what its stages found: what the rows of the log mean for a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqp_provider.core.cost import size
from sqp_provider.core.publish import NOT_YET
from sqp_provider.core.run import TASKS
from sqp_provider.core.snapshot import Balance
from sqp_provider.status.sync_models import Attempt, Check, Stage, StageState, Sync


def attempts(sync: Sync) -> list[Attempt]:
    """Return all attempts of a run, the current one last."""
    metadata = sync.sync_metadata or {}
    earlier = [_earlier(row) for row in metadata.get("attempts") or [] if isinstance(row, dict)]
    current = Attempt(
        attempt=sync.attempt,
        started_at=sync.started_at,
        completed_at=sync.completed_at,
        status=sync.sync_status,
        outcome=metadata.get("outcome"),
        inserted=sync.records_inserted,
        updated=sync.records_updated,
        rejects=sync.rejects,
        error_message=sync.error_message,
    )
    return [*earlier, current]


def _earlier(row: Mapping[str, Any]) -> Attempt:
    return Attempt.model_validate({name: row.get(name) for name in Attempt.model_fields})


def balance(sync: Sync) -> str | None:
    """Return where every landed row went, or None for a run that published nothing."""
    rows = (sync.sync_metadata or {}).get("rows")
    return str(Balance.model_validate(rows)) if rows else None


def stages(sync: Sync, checks: Sequence[Check]) -> list[Stage]:
    """Return the state of each stage of the current attempt, from what the stages wrote into the database."""
    states = stage_states(sync, checks)
    moments, found, rows = _moments(sync, checks), _found(sync, checks), _rows(sync)
    return [
        Stage(
            name=name,
            state=states[name],
            at=moments.get(name),
            found=found.get(name, ""),
            rows=rows.get(name),
            started_at=None,
            seconds=None,
        )
        for name in TASKS
    ]


def _rows(sync: Sync) -> dict[str, int | None]:
    """Return the rows that landed, were copied, and were published or changed, where the stages have said so."""
    metadata = sync.sync_metadata or {}
    snapshot = metadata.get("snapshot") or {}
    rows: dict[str, int | None] = {"extract": snapshot.get("source_rows")}
    rows["load"] = (metadata.get("rows") or {}).get("published")
    if metadata.get("outcome"):
        counts = (sync.records_inserted, sync.records_updated, metadata.get("deleted"))
        rows["publish"] = sum(count or 0 for count in counts)
    return rows


def stage_states(sync: Sync, checks: Sequence[Check]) -> dict[str, StageState]:
    """Return whether each stage is done, skipped, failed, running or not reached."""
    reached = _reached(sync, checks)
    if sync.sync_status == "completed":
        skipped = TASKS[_staged(sync, checks) : 5] if _outcome(sync) in ("unchanged", *NOT_YET) else ()
        return {name: "skipped" if name in skipped else "done" for name in TASKS}
    if sync.sync_status != "failed":
        return _states(reached, "running")
    stage = (sync.error_details or {}).get("stage")
    states = _states(TASKS.index(stage) if stage in TASKS else reached, "failed")
    closed = bool(stage) and stage != "log_finish"  # if no stage is named, another run closed the row
    return states | {"log_finish": "done" if closed and sync.period_start else states["log_finish"]}


def _states(current: int, state: StageState) -> dict[str, StageState]:
    after: dict[str, StageState] = dict.fromkeys(TASKS[current + 1 :], "not reached")
    before: dict[str, StageState] = dict.fromkeys(TASKS[:current], "done")
    return before | {TASKS[current]: state} | after


def _outcome(sync: Sync) -> str | None:
    return (sync.sync_metadata or {}).get("outcome")


def _reached(sync: Sync, checks: Sequence[Check]) -> int:
    """Return the index of the stage after the last one that wrote something."""
    if _outcome(sync):
        return TASKS.index("log_finish")
    staged, has_snapshot = _staged(sync, checks), bool((sync.sync_metadata or {}).get("snapshot"))
    return staged if has_snapshot or TASKS[staged] == "publish" else TASKS.index("extract")


def _staged(sync: Sync, checks: Sequence[Check]) -> int:
    """Return the index of the stage after validate if this attempt has checks, else of the stage after extract."""
    checked = any(check.attempt == sync.attempt for check in checks)
    return TASKS.index("publish" if checked else "load")


def _moments(sync: Sync, checks: Sequence[Check]) -> dict[str, datetime | None]:
    snapshot = (sync.sync_metadata or {}).get("snapshot") or {}
    checked = [check.created_at for check in checks if check.attempt == sync.attempt and check.created_at]
    return {
        "log_start": sync.started_at,
        "extract": _moment(snapshot.get("snapshot_at")),
        "validate": max(checked, default=None),
        "publish": sync.published_at,
        "log_finish": sync.completed_at,
    }


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _found(sync: Sync, checks: Sequence[Check]) -> dict[str, str]:
    metadata = sync.sync_metadata or {}
    found: dict[str, str] = {}
    if snapshot := metadata.get("snapshot"):
        rows, rejects = snapshot.get("source_rows", 0), snapshot.get("reject_count", 0)
        read = size(snapshot.get("bytes_processed") or 0)
        found["extract"] = f"{rows:,} rows landed, {rejects:,} rejected, {read} read"
    own = [check.check_status for check in checks if check.attempt == sync.attempt]
    if own:
        counts = ", ".join(f"{own.count(each)} {each}" for each in ("passed", "warning", "failed") if each in own)
        found["validate"] = f"{len(own)} checks: {counts}"
    if _outcome(sync) in NOT_YET:
        reason = str(metadata.get("reason", "a newer run does it"))
        found["publish"] = reason if reason.startswith("held: ") else f"skipped: {reason}"
    elif outcome := metadata.get("outcome"):
        changed = {"inserted": sync.records_inserted, "updated": sync.records_updated}
        changed |= {name: metadata.get(name) for name in ("deleted", "unchanged")}
        found["publish"] = f"{outcome}: " + ", ".join(f"{count or 0:,} {name}" for name, count in changed.items())
    return found
