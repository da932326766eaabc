"""Others who read and write while a period is published: their sessions, and the moments at which they are let in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from types import SimpleNamespace
from typing import Any, Literal

import psycopg
import pytest

from sqp_provider.core.period import Period
from sqp_provider.operators.publish import SyncPublishOperator
from sqp_provider.target import waiting
from tests.landing import WEEK, Landing, report_row
from tests.stages import NO_OPTIONS, Run, Stages

Connection = psycopg.Connection[Any]
Way = Literal["attached", "swapped", "difference"]

LONGEST_WAIT = 60
SWAP_ALWAYS = {"swap_above_rows": 0, "swap_above_fraction": 0.01}
"""Target settings: a period that changes at all is replaced as a whole."""


@contextmanager
def session(dsn: str, application: str = "dashboard", **other: Any) -> Iterator[Connection]:
    """Open somebody else's session, with a transaction from its first statement on."""
    options = "-c search_path=sqp"
    with psycopg.connect(dsn, options=options, application_name=application, **other) as connection:
        yield connection


def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition is true."""
    end = time.monotonic() + LONGEST_WAIT
    while not condition():
        assert time.monotonic() < end, "what the test waits for did not happen"
        time.sleep(0.02)


def until_one_waits(stages: Stages) -> None:
    """Wait until a session waits for another one's lock."""
    until(
        lambda: stages.query(
            "select 1 from pg_stat_activity"
            " where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0"
        )
    )


def let_in(
    monkeypatch: pytest.MonkeyPatch, owner: type, method: str, action: Callable[[], Any], *, after: bool = False
) -> None:
    """Let somebody act the first time that a method is called: before it, or after it."""
    called, still = getattr(owner, method), [action]

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        act = still.pop() if still else lambda: None
        if not after:
            act()
        result = called(self, *args, **kwargs)
        if after:
            act()
        return result

    monkeypatch.setattr(owner, method, wrapped)


class Heard:
    """What a publish logs."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str, *values: Any) -> None:
        """Keep a line."""
        self.lines.append(text % values)

    warning = error = info

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines)


def listen(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Keep what publishes log from now on."""
    heard = Heard()
    monkeypatch.setattr(SyncPublishOperator, "log", heard)
    return heard


def refusals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep who was in the way each time that a lock was refused; the next try comes at once."""
    found: list[str] = []
    who = waiting.Waiting.who_is_in_the_way

    def asked(self: waiting.Waiting, periods: Sequence[Period]) -> str:
        found.append(who(self, periods))
        return found[-1]

    monkeypatch.setattr(waiting.Waiting, "who_is_in_the_way", asked)
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: time.sleep(min(seconds, 0.05)))
    monkeypatch.setattr(waiting, "time", clock)
    return found


def land(landing: Landing, week: date | str = WEEK, clicks: int = 50, count: int = 4) -> None:
    """Land a week, or a newer copy of it with other clicks."""
    ingested_at = f"2026-11-18T06:{clicks % 60:02}:00Z"
    week = date.fromisoformat(str(week))
    landing.land(
        *(
            report_row(f"query {n}", week=week, asin_click_count=clicks + n, ingested_at=ingested_at)
            for n in range(count)
        )
    )


def stage(stages: Stages, week: date | str = WEEK, name: str = "manual__staged", **options: Any) -> Run:
    """Run all stages of a week before publish."""
    run = Run(name, NO_OPTIONS | {"period_start": str(week), "max_delete_fraction": 1} | options)
    for task_id in ("log_start", "extract", "load", "validate"):
        assert stages.run_task(run, task_id), run.errors
    return run


def ready(way: Way, landing: Landing, stages: Stages) -> Run:
    """Return a run of the week that is to be published in a way. Another week of its month is published already."""
    land(landing, "2026-11-01", 10)
    assert stages.sync("2026-11-01").colour == "success"
    land(landing, WEEK, 20)
    if way != "attached":
        assert stages.sync(WEEK).colour == "success"
        land(landing, WEEK, 30)
    if way == "swapped":
        with_target(stages, **SWAP_ALWAYS)
    return stage(stages)


def with_target(stages: Stages, **settings: Any) -> None:
    """Change settings of the target."""
    target = stages.settings.target.model_copy(update=settings)
    stages.settings = stages.settings.model_copy(update={"target": target})


WRONG = """
select unit, first, query, asin, sums.weeks, stored.active_weeks, sums.clicks, stored.clicks as stored_clicks
from (
    select unit, date_trunc(unit, period_start::timestamp)::date as first, query, asin, count(*)::integer as weeks,
        sum(total_clicks)::bigint as clicks, sum(total_impressions)::bigint as impressions
    from weekly_summary, unnest(array['month', 'quarter']) as unit
    group by unit, first, query, asin
) as sums
full join (
    select 'month' as unit, period_start as first, query, asin, active_weeks, total_clicks as clicks,
        total_impressions as impressions
    from monthly_summary
    union all
    select 'quarter', period_start, query, asin, active_weeks, total_clicks, total_impressions
    from quarterly_summary
) as stored using (unit, first, query, asin)
where (sums.weeks, sums.clicks, sums.impressions)
    is distinct from (stored.active_weeks, stored.clicks, stored.impressions)
order by 1, 2, 3
"""


def wrong(stages: Stages) -> list[dict[str, Any]]:
    """Return the rows of months and quarters that are not the sums of their weeks."""
    return stages.query(WRONG)


def figures(connection: Connection) -> tuple[Any, ...]:
    """Return rows and clicks of the week, its month and its quarter, by filters that open only their partitions."""
    found: list[Any] = []
    for query in (
        "weekly_summary where period_start = '2026-11-08'",
        "monthly_summary where period_start = '2026-11-01'",
        "quarterly_summary where period_start = '2026-10-01'",
    ):
        row = connection.execute(f"select count(*), sum(total_clicks)::int from {query}".encode()).fetchone()
        found.append(row)
    return tuple(found)
