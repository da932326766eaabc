"""Google's analyzer accepts every statement of every configuration, and its evaluator runs them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given

from sqp_provider.core.errors import SourceEmpty
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.proof import Asked
from sqp_provider.core.snapshot import Snapshot
from sqp_provider.landings.columns import TABLE
from sqp_provider.source.proof import FreshSnapshot, landings_statement
from sqp_provider.source.table import Source
from sqp_provider.sql_files import bigquery_statement, sql_folder
from tests.googlesql.client import GoogleSqlClient
from tests.googlesql.configurations import KINDS, Configuration, configurations
from tests.googlesql.examples import TALLY, many, some
from tests.googlesql.extracted import source_over, sync_of
from tests.googlesql.googlesql import analyze

DAY = date(2026, 11, 8)
ODD_QUERY = "it's @first_day `of` \\ \"-- \u200b\t日\U0001f600"
SENT = (
    *("extract", "totals", "changes", "near_misses", "reject_reasons"),
    *("totals", "reject_reasons", "dates", "dates", "share"),
    *("buckets", "bucket_rows", "landings", "landings"),
)
"""The templates of what is sent of a type, in this order: the first totals and reasons are the snapshot's, the second a
window's; the dates are those of all rows and of a window; the share is a week's, whatever the type; the landings are
those of a period and of a key."""

INCLUDED = ("landed", "macros", "source_rows")


def test_every_template_is_sent() -> None:
    """Whoever adds a statement has it analyzed too."""
    assert {path.stem for path in sql_folder().glob("*.sql")} == {*SENT, *INCLUDED, "landed_files"}


def test_googlesql_accepts_the_question_for_loaded_files() -> None:
    statement = bigquery_statement("landed_files", SyncType.WEEKLY, table="sqp-demo.amazon.report")
    columns = {name: KINDS.get(kind, kind) for name, kind in TABLE.items()}
    analyze(statement, {"sqp-demo.amazon.report": columns}, {"files": ["STRING"]})


def send_every_statement(configuration: Configuration, sync_type: SyncType) -> GoogleSqlClient:
    """Over a table with one row, of nulls: a reject of each period, for which everything else is asked too."""
    client, source = source_over(configuration, [configuration.landed({})])
    sync = sync_of(Period.containing(sync_type, DAY))
    snapshot = source.read_totals(sync, source.start_extract(sync, "sqp", 1))
    assert (snapshot.reject_count, snapshot.totals.row_count, snapshot.source_rows) == (1, 0, 1)
    assert client.rows[source.copy_changes(sync, snapshot, [1, 2])] == []
    with pytest.raises(SourceEmpty, match=r"All 1 rows are malformed: 1 (missing_period|unknown_\w+) \(for example "):
        source.refuse_if_empty(sync, snapshot)
    window = [sync.period, Period.starting(sync_type, sync.period.next_first_day)]
    assert {totals.reject_count for totals in source.window_totals(sync_type, window).values()} == {1}
    parameters = source.parameters(sync.period)
    (reason,) = source.hook.rows(source.reject_reasons_statement(sync_type), parameters)
    assert reason["row_count"] == 1
    for recent in (False, True):
        source.hook.rows(source.dates_statement([], recent=recent), parameters)
    source.hook.rows(source.share_statement(), parameters)
    prove(source, snapshot, sync.period)
    return client


def prove(source: Source, snapshot: Snapshot, period: Period) -> None:
    """The snapshot has a reject alone, so that no bucket has a row; what has landed of it is shown all the same."""
    fresh = FreshSnapshot(source, period, snapshot)
    assert (fresh.buckets(), fresh.rows([0, 4095])) == ({}, [])
    for query, asin in ((None, None), (ODD_QUERY, "B000000001")):
        statement = landings_statement(source, period, period, Asked(period.sync_type, period.first_day, query, asin))
        landed = source.hook.rows(statement)  # without parameters: as a person runs it
        assert len(landed) == (1 if query is None and asin is None else 0)


def send_for_each_type(configuration: Configuration) -> None:
    for sync_type in SyncType:
        sent = send_every_statement(configuration, sync_type).sent
        assert len(sent) == len(SENT)
        TALLY["statements"] += len(sent)
    TALLY["configurations"] += 1


@given(configuration=configurations())
@some(12)
def test_googlesql_accepts_every_statement_of_any_configuration(configuration: Configuration) -> None:
    send_for_each_type(configuration)


@pytest.mark.long
@given(configuration=configurations())
@many(20)
def test_googlesql_accepts_every_statement_of_many_configurations(configuration: Configuration) -> None:
    send_for_each_type(configuration)
