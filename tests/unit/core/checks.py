"""The totals of one period, and what its checks find."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqp_provider.core.quality import CheckResult, CheckStatus, Earlier, Staged, check_period
from sqp_provider.core.settings import CheckSettings
from sqp_provider.core.snapshot import Snapshot, Totals

PASSED, WARNING, FAILED = CheckStatus.PASSED, CheckStatus.WARNING, CheckStatus.FAILED
MAPPED = ("total_impressions", "total_clicks")
SOURCE = Totals(
    row_count=1000,
    key_count=1000,
    row_hash=42,
    sums={"total_impressions": 81_204, "total_clicks": 2_310},
    nulls={"total_impressions": 0, "total_clicks": 0},
)
NO_NULLS = {"period_start": 0, "query": 0, "asin": 0, "total_impressions": 0, "total_clicks": 0}
STAGED = Staged(SOURCE.model_copy(update={"nulls": NO_NULLS}), 0, shares_out_of_range=0, clicks_above_impressions=0)
EARLIER = Earlier((990, 1000, 1010), date(2026, 11, 1), asins=40)


def result(
    check: str,
    status: CheckStatus,
    values: tuple[int | None, int | None],
    message: str,
    column: str | None = None,
    **metadata: Any,
) -> CheckResult:
    source, target = (value if value is None else Decimal(value) for value in values)
    return CheckResult(check, status, source, target, message, column, metadata)


def checked(
    source: Totals = SOURCE,
    staged: Staged = STAGED,
    earlier: Earlier = EARLIER,
    settings: CheckSettings | None = None,
    rejects: int = 0,
    superseded: int = 0,
    differing: int = 0,
) -> list[CheckResult]:
    snapshot = Snapshot(
        table="p.d.t",
        job_id="j",
        totals=source,
        reject_count=rejects,
        source_rows=source.row_count + rejects + superseded,
        differing_rows=differing,
        fingerprint="f",
        bytes_processed=0,
        snapshot_at=datetime(2026, 11, 18, tzinfo=UTC),
    )
    return check_period(snapshot, staged, earlier, MAPPED, settings or CheckSettings())


def check_of(name: str, results: list[CheckResult]) -> CheckResult:
    """The only result of that check."""
    (found,) = (result for result in results if result.check_type == name)
    return found
