"""How far a period may be from the usual before a check warns or fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from sqp_provider.core.quality import CheckResult, CheckStatus, Earlier
from sqp_provider.core.settings import CheckSettings
from tests.unit.core.checks import FAILED, PASSED, SOURCE, STAGED, WARNING, check_of, checked, result


@pytest.mark.parametrize(
    ("rejects", "status", "said"),
    [
        (250, PASSED, "250 of 1,250 rows are malformed (20.00%); sync_rejects has the reasons"),
        (251, WARNING, "251 of 1,251 rows are malformed (20.06%); sync_rejects has the reasons"),
        (1000, WARNING, "1,000 of 2,000 rows are malformed (50.00%); sync_rejects has the reasons"),
        (
            1001,
            FAILED,
            "1,001 of 2,001 rows are malformed (50.02%); sync_rejects has the reasons; "
            "more than checks.reject_rate_fail 50.00%",
        ),
    ],
)
def test_malformed_rows_are_allowed_up_to_both_limits(rejects: int, status: CheckStatus, said: str) -> None:
    settings = CheckSettings(reject_rate_warn=0.2, reject_rate_fail=0.5)
    assert check_of("reject_rate", checked(rejects=rejects, settings=settings)) == result(
        "reject_rate", status, (1000 + rejects, 1000), f"reject_rate: {said}", rejects=rejects, rows=1000 + rejects
    )


def test_one_reject_in_a_thousand_rows_is_usual_unless_the_settings_say_otherwise() -> None:
    found = {rejects: check_of("reject_rate", checked(rejects=rejects)).check_status for rejects in (0, 1, 2, 10, 11)}
    assert found == {0: PASSED, 1: PASSED, 2: WARNING, 10: WARNING, 11: FAILED}
    strict = CheckSettings(reject_rate_warn=0)
    assert check_of("reject_rate", checked(rejects=1, settings=strict)).check_status is WARNING


@pytest.mark.parametrize(("found", "status"), [(1, PASSED), (2, WARNING)])
def test_one_doubtful_row_in_a_thousand_is_usual(found: int, status: CheckStatus) -> None:
    nulls = SOURCE.model_copy(update={"nulls": {"total_impressions": found, "total_clicks": 0}})
    staged = replace(STAGED, rates_too_large=found, shares_out_of_range=found, clicks_above_impressions=found)
    results = [r for r in checked(nulls, staged) if r.check_type in ("null_check", "range_check")]
    doubted = [r for r in results if found in (r.source_value, r.target_value)]
    assert [r.check_status for r in doubted] == [status] * 4
    assert all(f"{found} " in r.check_message for r in doubted)


@pytest.mark.parametrize(
    ("differing", "status", "advice"),
    [
        (0, PASSED, ""),
        (1, PASSED, ""),
        (500, PASSED, ""),
        (501, WARNING, "; the source was restated, or it mixes two reports, of two accounts for example"),
    ],
)
def test_superseded_copies_that_differ_are_counted_and_warn_above_half_of_the_rows(
    differing: int, status: CheckStatus, advice: str
) -> None:
    assert check_of("superseded_copies", checked(superseded=1_500, differing=differing)) == result(
        "superseded_copies",
        status,
        (0, differing),
        f"{differing} of 1,500 superseded copies have other figures than the newest landing of their row{advice}",
        superseded=1_500,
    )


@pytest.mark.parametrize(
    ("rows", "recent", "status", "usual", "said"),
    [
        (1000, [667, 2, 4000], PASSED, "667", "1,000 rows, the median of the last 3 periods is 667"),
        (1000, [666, 2, 4000], WARNING, "666", "1,000 rows, the median of the last 3 periods is 666"),
        (1000, [1999, 2001], PASSED, "2000", "1,000 rows, the median of the last 2 periods is 2,000"),
        (1000, [2000, 2001], WARNING, "2000.5", "1,000 rows, the median of the last 2 periods is 2,000.5"),
        (1, [0, 0, 0], WARNING, "0", "1 rows, the median of the last 3 periods is 0"),
        (0, [0, 0, 0], PASSED, "0", "0 rows, the median of the last 3 periods is 0"),
    ],
)
def test_a_volume_beyond_half_of_the_median_warns(
    rows: int, recent: list[int], status: CheckStatus, usual: str, said: str
) -> None:
    volume = SOURCE.model_copy(update={"row_count": rows})
    advice = "; rows may be missing or may have landed twice, compare with Seller Central"
    assert check_of("volume_anomaly", checked(volume, earlier=Earlier(tuple(recent)))) == CheckResult(
        "volume_anomaly",
        status,
        Decimal(usual),
        Decimal(rows),
        said + (advice if status is WARNING else ""),
        check_metadata={"recent_rows": recent},
    )


@pytest.mark.parametrize("recent", [(), (20,)])
def test_a_volume_is_not_compared_with_fewer_than_two_periods(recent: tuple[int, ...]) -> None:
    assert check_of("volume_anomaly", checked(earlier=Earlier(recent))) == result(
        "volume_anomaly",
        PASSED,
        (None, 1000),
        "1,000 rows; fewer than 2 earlier periods are published, so there is nothing to compare with",
    )


def test_an_empty_period_has_no_reject_rate() -> None:
    empty = SOURCE.model_copy(update={"row_count": 0, "key_count": 0})
    assert check_of("reject_rate", checked(empty)) == result(
        "reject_rate",
        PASSED,
        (0, 0),
        "reject_rate: 0 of 0 rows are malformed (0.00%); sync_rejects has the reasons",
        rejects=0,
        rows=0,
    )


@pytest.mark.parametrize(
    ("missing", "examples", "named"),
    [
        (1, ["B00TEST001"], "(B00TEST001)"),
        (2, ["B00TEST001", "B00TEST002"], "(B00TEST001, B00TEST002)"),
        (3, ["B00TEST001", "B00TEST002"], "(B00TEST001, B00TEST002, …)"),
    ],
)
def test_asins_that_are_missing_now_are_named(missing: int, examples: list[str], named: str) -> None:
    earlier = Earlier((), date(2026, 11, 1), asins=40, asins_missing=missing, examples=examples)
    assert check_of("asin_coverage", checked(earlier=earlier)) == result(
        "asin_coverage",
        WARNING,
        (40, 40 - missing),
        f"{missing} of the 40 ASINs of 2026-11-01 are missing {named}; reports arrive ASIN by ASIN and may be late: "
        "sqp_restatements syncs them when they arrive",
        "asin",
    )


def test_the_first_period_has_no_asins_to_compare_with() -> None:
    assert check_of("asin_coverage", checked(earlier=Earlier())) == result(
        "asin_coverage",
        PASSED,
        (None, None),
        "no earlier period is published, so there is nothing to compare with",
        "asin",
    )
