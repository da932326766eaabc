"""A week that arrives ASIN by ASIN: first published as it is, then complete."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from dev.demo.runs import Runs
from dev.sample_data.market import Market
from dev.sample_data.source import SampleSource

FIRST_ASINS = 4


def newest_week(today: date) -> date:
    """Return the Sunday of the newest week that is over: on 2026-11-28, a Saturday, 2026-11-15."""
    return today - timedelta(days=today.isoweekday() % 7 + 7)


def show_arriving_week(runs: Runs, source: SampleSource) -> None:
    """Land a few ASINs of the newest week and sync it, then land the others, and check on three days."""
    market, week = Market(), newest_week(datetime.now(UTC).date())
    late = market.asins - FIRST_ASINS
    runs.report.query("forget_week", week=week)
    runs.report.query("give_time", days=1)
    runs.report.say(f"{FIRST_ASINS} of {market.asins} ASINs of week {week} arrive")
    source.land_weeks(market, week, late_asins=late)
    runs.sync("weekly", week, "first")
    _say_answer(runs, week)
    runs.report.say("The others arrive")
    source.land_late(market, week, late_asins=late)
    for day in range(3):
        found = runs.check(day=week + timedelta(days=12 + day), sync_types=["weekly"], periods=1)
        if any(period["period_start"] == week for period in found):
            runs.sync("weekly", week, "again")
        _say_answer(runs, week)
        runs.report.query("a_day_later", week=week)
    runs.report.query("give_time", days=-1)


def _say_answer(runs: Runs, week: date) -> None:
    (answer,) = runs.report.query("answer", week=week)
    runs.report.say(f"  {'trusted' if answer['trusted'] else 'not trusted'}: {answer['why']}")
