"""The whole straight line: source rows in, target rows, ledger and log out."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqp_provider.core.contract import EXTRAS
from tests.landing import Landing, report_row
from tests.stages import Stages


def test_a_week_arrives_with_amazons_example_figures(landing: Landing, stages: Stages) -> None:
    landing.land(report_row("wireless headphones"))

    run = stages.sync("2026-11-08")

    assert run.errors == {}
    assert run.colour == "success"
    assert stages.target() == [
        {
            "period_start": date(2026, 11, 8),
            "period_end": date(2026, 11, 14),
            "query": "wireless headphones",
            "asin": "B00TEST001",
            "total_impressions": 765,
            "total_clicks": 50,
            "total_cart_adds": 10,
            "total_purchases": 5,
            "market_impressions": 10000,
            "market_clicks": 1000,
            "market_cart_adds": 200,
            "market_purchases": 100,
            "query_score": 5,
            "query_volume": 15000,
            "avg_ctr": Decimal("0.065359"),
            "avg_cvr": Decimal("0.100000"),
            "impression_share": Decimal("0.076500"),
            "click_share": Decimal("0.050000"),
            "cart_add_share": Decimal("0.050000"),
            "purchase_share": Decimal("0.050000"),
        }
        | dict.fromkeys(EXTRAS)
    ]
