"""Google's analyzer accepts every statement of every configuration, and its evaluator runs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings

from sqp_provider.core.errors import SourceEmpty
from sqp_provider.core.period import Period, SyncType
from tests.googlesql.client import GoogleSqlClient
from tests.googlesql.configurations import Configuration, configurations
from tests.googlesql.extracted import source_over, sync_of

DAY = date(2026, 11, 8)
STATEMENTS = 5 * len(SyncType)
"""Of each type the extract, the totals of its snapshot and of a window, the near misses and the reasons of rejects."""


def send_every_statement(configuration: Configuration, sync_type: SyncType) -> GoogleSqlClient:
    """Over a table with one row, of nulls: a reject of each period, for which everything else is asked too."""
    client, source = source_over(configuration, [{}])
    sync = sync_of(Period.containing(sync_type, DAY))
    snapshot = source.read_totals(sync, source.start_extract(sync, "sqp", 1))
    assert (snapshot.reject_count, snapshot.totals.row_count, snapshot.source_rows) == (1, 0, 1)
    with pytest.raises(SourceEmpty, match=r"All 1 rows are malformed: 1 (missing_period|unknown_\w+) \(for example "):
        source.refuse_if_empty(sync, snapshot)
    window = [sync.period, Period.starting(sync_type, sync.period.next_first_day)]
    assert {totals.reject_count for totals in source.window_totals(sync_type, window).values()} == {1}
    return client


def send_all(examples: int, record_property: Callable[[str, object], None], *, same_again: bool) -> Counter[str]:
    """Return how many configurations and statements there were.

    :param same_again: always the same configurations, not others each time.
    """
    tally: Counter[str] = Counter()

    @given(configuration=configurations())
    @hypothesis_settings(
        max_examples=examples,
        deadline=None,
        derandomize=same_again,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def any_configuration(configuration: Configuration) -> None:
        for sync_type in SyncType:
            tally["statements"] += len(send_every_statement(configuration, sync_type).sent)
        tally["configurations"] += 1

    any_configuration()
    record_property("googlesql", str(dict(tally)))
    print(f"\n{dict(tally)}")
    return tally


def test_googlesql_accepts_every_statement_of_any_configuration(record_property: Callable[[str, object], None]) -> None:
    tally = send_all(12, record_property, same_again=True)
    assert tally["statements"] == STATEMENTS * tally["configurations"] > 0


@pytest.mark.long
def test_googlesql_accepts_every_statement_of_many_configurations(
    record_property: Callable[[str, object], None],
) -> None:
    tally = send_all(150, record_property, same_again=False)
    assert tally["statements"] == STATEMENTS * tally["configurations"] > 0
