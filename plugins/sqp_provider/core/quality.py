"""The quality checks: compare the totals of both sides and return one result for each check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from statistics import median
from typing import Any

from sqp_provider.core.contract import KEYS, METRICS, RATES, SHARES
from sqp_provider.core.errors import ChecksFailed
from sqp_provider.core.run import SyncRun
from sqp_provider.core.settings import CheckSettings
from sqp_provider.core.snapshot import Snapshot, Totals

_SHARES = {rate.denominator: f", and so is {rate.column}" for rate in RATES if rate.column in SHARES}
UNKNOWN = {metric.column: _SHARES.get(metric.column, "") for metric in METRICS if metric.stays_unknown}
"""The market totals, with the share that is unknown where the source lacks the total."""

LARGEST_PCT = Decimal("99999999.99")
"""The largest value of ``difference_pct numeric(10,2)``. A larger one is clamped, so that the check can be recorded."""


STANDING = ("null_check", "range_check", "reject_rate", "superseded_copies")
"""Checks of how the report lands, period after period. The others compare a period with those before it."""


class CheckStatus(StrEnum):
    """``data_quality_checks.check_status``."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class CheckResult:
    """One row of ``data_quality_checks``, without the columns that are equal in all rows of a run."""

    check_type: str
    check_status: CheckStatus
    source_value: Decimal | None
    target_value: Decimal | None
    check_message: str
    column_name: str | None = None
    check_metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def difference(self) -> Decimal | None:
        """Target minus source; None if one of the two is missing."""
        if self.source_value is None or self.target_value is None:
            return None
        return self.target_value - self.source_value

    @property
    def difference_pct(self) -> Decimal | None:
        """The difference in percent of the source, clamped to what the column can hold; None if the source is 0."""
        if not self.source_value or self.difference is None:
            return None
        percent = Decimal(100) * self.difference / abs(self.source_value)
        return max(-LARGEST_PCT, min(LARGEST_PCT, percent)).quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass(frozen=True)
class Staged:
    """The target side: the totals of the staged rows, and how many of them are out of range."""

    totals: Totals
    rates_too_large: int
    shares_out_of_range: int
    clicks_above_impressions: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any], *, key_count: int) -> Staged:
        """Build it from a row of the statement ``totals``."""
        columns = [metric.column for metric in METRICS if metric.column in row]
        totals = Totals(
            row_count=row["row_count"],
            key_count=key_count,
            row_hash=row["row_hash"],
            sums={column: int(row[column]) for column in columns},
            nulls={column: row[f"{column}_nulls"] for column in (*KEYS, *columns)},
        )
        return cls(totals, row["rates_too_large"], row["shares_out_of_range"], row["clicks_above_impressions"])


@dataclass(frozen=True)
class Earlier:
    """What was published before: row counts of the last periods, and the ASINs of the last one that are missing now.

    ``Earlier((19_009, 19_052), date(2026, 11, 1), asins=40, asins_missing=2, examples=("B00TEST001", "B00TEST002"))``
    """

    row_counts: Sequence[int] = ()
    last_period_start: date | None = None
    asins: int = 0
    asins_missing: int = 0
    examples: Sequence[str] = ()


def check_period(
    snapshot: Snapshot,
    staged: Staged,
    earlier: Earlier,
    mapped: Sequence[str],
    settings: CheckSettings,
    daily_dag: str = "sqp_restatements",
) -> list[CheckResult]:
    """Return the result of every check of one period.

    Both sides come from the same snapshot, so any difference of counts, sums or hash is a failure.

    :param mapped: the target columns whose counts the source has.
    """
    source, target = snapshot.totals, staged.totals
    return [
        _equal("row_count", source.row_count, target.row_count, "rows"),
        _equal("row_hash", source.row_hash, target.row_hash, "hash over every row"),
        *(_equal("sum_validation", source.sums[c], target.sums[c], f"sum of {c}", c) for c in mapped),
        *_null_checks(source, target, mapped, settings),
        _duplicate_check(source, target),
        *_range_checks(staged, settings),
        _reject_rate(snapshot, settings),
        _superseded_copies(snapshot, settings),
        _volume_anomaly(source.row_count, earlier.row_counts, settings),
        _asin_coverage(earlier, daily_dag),
    ]


def refuse_failed(sync: SyncRun, staged_label: str, results: Sequence[CheckResult]) -> None:
    """Stop the sync when a check failed.

    :raises ChecksFailed: names each failed check with both values.
    """
    failed = [result for result in results if result.check_status is CheckStatus.FAILED]
    if failed:
        found = "; ".join(result.check_message for result in failed)
        raise ChecksFailed(
            f"{sync.period}: {len(failed)} of {len(results)} checks failed on {staged_label}: {found}. "
            "The target is unchanged. The staged rows are kept, so that you can query them. "
            "Clear 'load' to stage them again, or 'extract' to take a new snapshot."
        )


def _equal(check: str, source: int, target: int, what: str, column: str | None = None) -> CheckResult:
    values = Decimal(source), Decimal(target)
    if source == target:
        return CheckResult(check, CheckStatus.PASSED, *values, f"{what}: both {source:,}", column)
    message = f"{check} ({what}): source {source:,}, staged {target:,} ({target - source:+,})"
    return CheckResult(check, CheckStatus.FAILED, *values, message, column)


def _null_checks(
    source: Totals, target: Totals, mapped: Sequence[str], settings: CheckSettings
) -> Iterator[CheckResult]:
    for column in (*KEYS, *mapped):
        landed, staged = source.nulls.get(column, 0), target.nulls[column]
        status, message = _doubt(landed, target, settings), f"{column} is NULL in {landed:,} source rows, loaded as 0"
        if staged != (landed if column in UNKNOWN else 0):
            status, message = CheckStatus.FAILED, f"null_check: {column} is NULL in {staged:,} staged rows"
        elif not landed:
            message = f"{column} is never NULL"
        elif column in UNKNOWN:
            message = f"{column} is unknown in {landed:,} rows{UNKNOWN[column]}"
        advice = "; ask whoever lands the report" if status is CheckStatus.WARNING else ""
        yield CheckResult("null_check", status, Decimal(landed), Decimal(staged), message + advice, column)


def _duplicate_check(source: Totals, target: Totals) -> CheckResult:
    values = source.row_count - source.key_count, target.row_count - target.key_count
    failed = any(values)
    message = f"duplicate_check: {values[0]:,} rows of the snapshot and {values[1]:,} staged rows repeat a key"
    status = CheckStatus.FAILED if failed else CheckStatus.PASSED
    return CheckResult("duplicate_check", status, Decimal(values[0]), Decimal(values[1]), message)


def _range_checks(staged: Staged, settings: CheckSettings) -> Iterator[CheckResult]:
    for found, column, rule in (
        (staged.rates_too_large, "rate", "a rate above 9,999.999999, which is stored as NULL"),
        (staged.shares_out_of_range, "share", "a share outside 0 to 1"),
        (staged.clicks_above_impressions, "total_clicks", "more clicks than impressions"),
    ):
        status, message = _doubt(found, staged.totals, settings), f"{found:,} rows have {rule}"
        if status is CheckStatus.WARNING:
            message += "; the figures are the source's own, ask whoever lands the report"
        yield CheckResult("range_check", status, Decimal(0), Decimal(found), message, column)


def _doubt(found: int, totals: Totals, settings: CheckSettings) -> CheckStatus:
    """Warn of doubtful rows if they are more than the allowed part of the period. A few of them are in every report."""
    allowed = Decimal(str(settings.doubtful_rows_warn)) * totals.row_count
    return CheckStatus.WARNING if found > allowed else CheckStatus.PASSED


def _reject_rate(snapshot: Snapshot, settings: CheckSettings) -> CheckResult:
    rejects, rows = snapshot.reject_count, snapshot.reject_count + snapshot.totals.row_count
    rate = Decimal(rejects) / rows if rows else Decimal(0)
    message = f"reject_rate: {rejects:,} of {rows:,} rows are malformed ({rate:.2%}); sync_rejects has the reasons"
    if rate > Decimal(str(settings.reject_rate_fail)):
        status = CheckStatus.FAILED
        message += f"; more than checks.reject_rate_fail {settings.reject_rate_fail:.2%}"
    elif rate > Decimal(str(settings.reject_rate_warn)):
        status = CheckStatus.WARNING
    else:
        status = CheckStatus.PASSED
    values = Decimal(rows), Decimal(snapshot.totals.row_count)
    return CheckResult("reject_rate", status, *values, message, check_metadata={"rejects": rejects, "rows": rows})


def _superseded_copies(snapshot: Snapshot, settings: CheckSettings) -> CheckResult:
    differing, superseded = snapshot.differing_rows, snapshot.balance.superseded
    message = (
        f"{differing:,} of {superseded:,} superseded copies have other figures than the newest landing of their row"
    )
    status = CheckStatus.PASSED
    if differing > Decimal(str(settings.differing_copies_warn)) * snapshot.totals.row_count:
        status = CheckStatus.WARNING
        message += "; the source was restated, or it mixes two reports, of two accounts for example"
    metadata = {"superseded": superseded}
    return CheckResult("superseded_copies", status, Decimal(0), Decimal(differing), message, check_metadata=metadata)


def _volume_anomaly(rows: int, recent_rows: Sequence[int], settings: CheckSettings) -> CheckResult:
    if len(recent_rows) < 2:
        message = f"{rows:,} rows; fewer than 2 earlier periods are published, so there is nothing to compare with"
        return CheckResult("volume_anomaly", CheckStatus.PASSED, None, Decimal(rows), message)
    usual = Decimal(str(median(recent_rows))).normalize()
    away = abs(rows - usual) / usual if usual else Decimal(rows > 0)
    status = CheckStatus.WARNING if away > Decimal(str(settings.volume_anomaly_fraction)) else CheckStatus.PASSED
    message = f"{rows:,} rows, the median of the last {len(recent_rows)} periods is {usual:,f}"
    if status is CheckStatus.WARNING:
        message += "; rows may be missing or may have landed twice, compare with Seller Central"
    metadata = {"recent_rows": list(recent_rows)}
    return CheckResult("volume_anomaly", status, usual, Decimal(rows), message, check_metadata=metadata)


def _asin_coverage(earlier: Earlier, daily_dag: str) -> CheckResult:
    values = Decimal(earlier.asins), Decimal(earlier.asins - earlier.asins_missing)
    if earlier.last_period_start is None:
        message = "no earlier period is published, so there is nothing to compare with"
        return CheckResult("asin_coverage", CheckStatus.PASSED, None, None, message, "asin")
    message = f"{earlier.asins_missing:,} of the {earlier.asins:,} ASINs of {earlier.last_period_start} are missing"
    if not earlier.asins_missing:
        return CheckResult("asin_coverage", CheckStatus.PASSED, *values, message, "asin")
    message += f" ({', '.join(earlier.examples)}{', …' if earlier.asins_missing > len(earlier.examples) else ''})"
    message += f"; reports arrive ASIN by ASIN and may be late: {daily_dag} syncs them when they arrive"
    return CheckResult("asin_coverage", CheckStatus.WARNING, *values, message, "asin")
