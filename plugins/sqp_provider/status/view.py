"""What the rows mean for a reader: whether the newest period can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqp_provider.core.period import Period, SyncType
from sqp_provider.status.models import Headline, PeriodStatus, Verdict

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
"""The answer for each status of the view ``period_status``, unless its verdict has one."""

JUDGED: Mapping[tuple[str, str | None], tuple[Verdict, str]] = {
    ("synced", "arriving"): ("care", "is published, but is still arriving"),
    ("synced", "late"): ("care", "is published, but lacks ASINs that it should have"),
    ("synced", "unknown"): ("care", "is published; nobody can say yet whether it is complete"),
    ("missing", "not yet"): ("wait", "is not there yet, as expected"),
}
"""The answer for a status and a verdict of that view."""


def headline(sync_type: SyncType, periods: Sequence[PeriodStatus], now: datetime, delay: timedelta) -> Headline:
    """Answer for the newest period whose publication delay has passed.

    On 2026-11-19, with a delay of four days, the weekly answer is about 2026-11-08..2026-11-14.
    """
    due = Period.latest_due(sync_type, now, delay)
    found = next((row for row in periods if row.sync_type == sync_type and row.period_start == due.first_day), None)
    return answer_about(due, found)


def answer_about(period: Period, found: PeriodStatus | None) -> Headline:
    """Answer for any period; ``found`` is how it stands, None if nothing is known of it."""
    verdict, answer = _answer(found)
    return Headline(
        sync_type=period.sync_type,
        verdict=verdict,
        period_start=period.first_day,
        period_end=period.last_day,
        answer=f"The {period.sync_type.period_type.unit} {period.first_day} to {period.last_day} {answer}.",
        reason=_reason(found),
        todo=_todo(period.sync_type, found),
        sync_log_id=_run_of(found),
    )


def _answer(found: PeriodStatus | None) -> tuple[Verdict, str]:
    if found is None:
        return VERDICTS["missing"]
    if found.trusted:
        return VERDICTS["synced"]
    return JUDGED.get((found.status, found.verdict), VERDICTS[found.status])


def _reason(found: PeriodStatus | None) -> str:
    """Say how complete it is, what is published, and what the last check found at the source."""
    if found and found.status == "missing" and found.verdict == "not yet" and found.why:
        return found.why
    if found and found.status in ("synced", "derived") and found.why:
        return f"{found.why} {_published(found)}"
    return _published(found)


def _published(found: PeriodStatus | None) -> str:
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
    if found and found.verdict == "not yet" and found.status == "missing":
        return None
    if found and found.verdict == "late" and found.status == "synced":
        return "Check in Seller Central whether reports of ASINs are missing. sqp_restatements syncs what arrives."
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
    if period.standing in ("arriving", "late"):
        parts.append(f"{period.standing}: {period.asins_found or 0:,} of about {period.asins_expected or 0:,} ASINs")
    dates = f"{period.period_start} to {period.period_end}"
    return f"{SyncType(period.sync_type).period_type.unit} {dates}: {', '.join(parts)}"
