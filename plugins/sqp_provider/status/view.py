"""What the rows mean for a reader: whether the newest period can be trusted, and how far a run got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.publish import SKIPPED
from sqp_provider.core.run import TASKS
from sqp_provider.core.snapshot import Balance
from sqp_provider.status.models import Attempt, Check, Headline, PeriodStatus, Stage, StageState, Sync, Verdict

VERDICTS: Mapping[str, tuple[Verdict, str]] = {
    "synced": ("yes", "can be trusted"),
    "derived": ("care", "is summed from its weeks; it is not Amazon's own report"),
    "adopted": ("care", "has the rows from before the first sync; nobody has compared them with the source"),
    "restated": ("care", "is published, but the source has changed since"),
    "overwritten": ("care", "is published, but somebody else has written to it since"),
    "outdated": ("care", "is published, but a week of it was published later"),
    "running": ("wait", "is being synced"),
    "failed": ("no", "cannot be trusted: its last sync failed"),
    "missing": ("no", "is missing"),
    "deleted": ("no", "was deleted on purpose"),
}
"""The answer for each status of the view ``period_status``."""


def headline(sync_type: SyncType, periods: Sequence[PeriodStatus], now: datetime, delay: timedelta) -> Headline:
    """Answer for the newest period whose publication delay has passed.

    On 2026-11-19, with a delay of four days, the weekly answer is about 2026-11-08..2026-11-14.
    """
    due = Period.latest_due(sync_type, now, delay)
    found = next((row for row in periods if row.sync_type == sync_type and row.period_start == due.first_day), None)
    verdict, answer = VERDICTS[found.status if found else "missing"]
    return Headline(
        sync_type=sync_type,
        verdict=verdict,
        period_start=due.first_day,
        period_end=due.last_day,
        answer=f"The {sync_type.period_type.unit} {due.first_day} to {due.last_day} {answer}.",
        reason=_reason(found),
        todo=_todo(sync_type, found),
        sync_log_id=_run_of(found),
    )


def _reason(found: PeriodStatus | None) -> str:
    """Say what is published and what the last check found at the source."""
    published = "Nothing is published."
    if found and found.state == "derived":
        published = "The rows are summed from the weeks and change with them."
    elif found and found.state == "adopted":
        published = "Its rows were there before the first sync."
    elif found and found.state == "deleted":
        published = f"Its rows were deleted {found.published_at:%Y-%m-%d %H:%M} UTC."
    elif found and found.state:
        published = f"{found.row_count or 0:,} rows, published {found.published_at:%Y-%m-%d %H:%M} UTC."
    if found and found.status in ("restated", "missing") and found.source_row_count is not None:
        same = " other" if found.source_row_count == found.row_count else ""
        seen = f"{found.source_seen_at:%Y-%m-%d %H:%M} UTC"
        published += f" The source had {found.source_row_count:,}{same} rows at the last check, {seen}."
    if found and found.status == "failed":
        published += " The target is unchanged." if found.state else ""
    return published


def _todo(sync_type: SyncType, found: PeriodStatus | None) -> str | None:
    """Say what a person should do, or None when there is nothing to do."""
    dag_id = sync_type.dag_id
    sync_now = f"To sync it now, trigger {dag_id} for it."
    return {
        "failed": "Open the sync: its error says what to do.",
        "running": "Wait for the run.",
        "restated": f"The next run of sqp_restatements syncs it. {sync_now}",
        "adopted": f"{sync_now[:-1]}, or let sqp_restatements do it if the period is recent.",
        "overwritten": f"The next run of sqp_restatements syncs it. {sync_now}",
        "outdated": f"The next run of sqp_restatements compares it with the source. {sync_now}",
        "deleted": f"To have it again, trigger {dag_id} for it.",
        "missing": f"Check that {dag_id} is unpaused, or trigger it for this {sync_type.period_type.unit}.",
    }.get(found.status if found else "missing")


def _run_of(found: PeriodStatus | None) -> int | None:
    if found is None:
        return None
    return found.last_sync_log_id if found.status in ("failed", "running") else found.sync_log_id


def period_label(period: PeriodStatus) -> str:
    """Return one line on a period, for the tooltip and for screen readers.

    ``week 2026-11-08 to 2026-11-14: synced, 19,001 rows, published 2026-11-18 06:02 UTC``
    """
    parts = [period.status]
    if period.cause:
        parts.append(period.cause)
    if period.row_count is not None:
        parts.append(f"{period.row_count:,} rows")
    if period.published_at:
        parts.append(f"published {period.published_at:%Y-%m-%d %H:%M} UTC")
    if period.source_row_count is not None and period.status in ("restated", "missing"):
        parts.append(f"the source had {period.source_row_count:,} rows")
    dates = f"{period.period_start} to {period.period_end}"
    return f"{SyncType(period.sync_type).period_type.unit} {dates}: {', '.join(parts)}"


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
    moments, found = _moments(sync, checks), _found(sync, checks)
    return [Stage(name=name, state=states[name], at=moments.get(name), found=found.get(name, "")) for name in TASKS]


def stage_states(sync: Sync, checks: Sequence[Check]) -> dict[str, StageState]:
    """Return whether each stage is done, skipped, failed, running or not reached."""
    reached = _reached(sync, checks)
    if sync.sync_status == "completed":
        skipped = TASKS[_staged(sync, checks) : 5] if _outcome(sync) in ("unchanged", SKIPPED) else ()
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
        found["extract"] = f"{rows:,} rows landed, {rejects:,} rejected, {snapshot.get('bytes_processed', 0):,} bytes"
    own = [check.check_status for check in checks if check.attempt == sync.attempt]
    if own:
        counts = ", ".join(f"{own.count(each)} {each}" for each in ("passed", "warning", "failed") if each in own)
        found["validate"] = f"{len(own)} checks: {counts}"
    if _outcome(sync) == SKIPPED:
        found["publish"] = f"skipped: {metadata.get('reason', 'a newer run does it')}"
    elif outcome := metadata.get("outcome"):
        changed = {"inserted": sync.records_inserted, "updated": sync.records_updated}
        changed |= {name: metadata.get(name) for name in ("deleted", "unchanged")}
        found["publish"] = f"{outcome}: " + ", ".join(f"{count or 0:,} {name}" for name, count in changed.items())
    return found
