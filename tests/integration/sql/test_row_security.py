"""Row security: a policy of a summary table holds under every name that a reader can spell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from sqp_provider.migrations import migrate
from sqp_provider.revisions import MigrationError
from tests.logins import Login, logins, name_of
from tests.published import Publisher

Connection = psycopg.Connection[Any]

WEEK = (
    "insert into sqp.weekly_summary (period_start, period_end, query, asin)"
    " select day, day + 6, query, 'B000000001'"
    " from (values ({!r}::date)) as w (day), (values ('mine'), ('other')) as q (query)"
)
SUMMARIES = ("weekly_summary", "monthly_summary", "quarterly_summary")


@pytest.fixture
def login(database: str) -> Iterator[Login]:
    """Makes logins for ``database``."""
    with logins(database) as login:
        yield login


@pytest.fixture
def partitions(committing: Connection, publisher: Publisher) -> list[str]:
    """The partitions of every way in which one comes about."""
    for kind, first, last in (
        ("weekly", "2026-11-08", "2026-11-14"),
        ("monthly", "2026-11-01", "2026-11-30"),
        ("quarterly", "2026-10-01", "2026-12-31"),
    ):
        committing.execute("select ensure_period_partition(%s, %s, %s)", [f"{kind}_summary", first, last])
    committing.execute(WEEK.format("2026-11-08"))
    publisher.week("2026-08-02", [{"query": "mine"}])
    committing.execute(WEEK.format("2027-02-07"))
    found = committing.execute(
        "select inhrelid::regclass::text from pg_inherits join pg_class on oid = inhparent where relkind = 'p'"
    )
    names = sorted(name for (name,) in found)
    assert names == sorted(
        [
            *(f"{table}_default" for table in SUMMARIES),
            *("weekly_summary_20260802", "weekly_summary_20261108"),
            *("monthly_summary_20260801", "monthly_summary_20261101"),
            *("quarterly_summary_20260701", "quarterly_summary_20261001"),
        ]
    )
    return names


def count(connection: Connection, relation: str) -> Any:
    return connection.execute(f"select count(*) from sqp.{relation}".encode()).fetchone()


def test_no_name_goes_around_a_policy(committing: Connection, partitions: list[str], login: Login) -> None:
    reader = login("sqp_reader")
    for table in SUMMARIES:
        committing.execute(f"alter table {table} enable row level security".encode())
        committing.execute(f"create policy mine on {table} for select to sqp_reader using (query = 'mine')".encode())
    committing.execute("alter table sync_log enable row level security")
    committing.execute(f"grant select on all tables in schema sqp to {name_of(reader)}")  # partitions too
    committing.execute(
        "insert into sync_log (sync_type, sync_status, period_start, source_table, target_table)"
        " values ('weekly', 'started', '2026-11-08', 's', 't')"
    )
    with psycopg.connect(reader, autocommit=True) as connection:
        assert [count(connection, table) for table in SUMMARIES] == [(3,), (3,), (3,)]
        assert {count(connection, partition) for partition in partitions} == {(0,)}
        assert count(connection, "counted_run") == (0,)
        connection.execute("set search_path = sqp")
        running = "select count(*) from sqp.period_status where status = 'running'"
        assert connection.execute(running).fetchone() == (0,)
    assert committing.execute(running).fetchone() == (1,)


def test_readers_see_no_change_of_rows_that_a_policy_hides(
    committing: Connection, database: str, login: Login, publisher: Publisher
) -> None:
    publisher.week("2026-11-08", [{"query": "mine"}, {"query": "other"}])
    committing.execute("update weekly_summary set total_clicks = 1")
    reader = login("sqp_reader")
    as_of = "select count(*) from sqp.weekly_as_of('2026-11-08', clock_timestamp())"
    with psycopg.connect(reader, autocommit=True) as connection:
        assert connection.execute(as_of).fetchone() == (2,)
        committing.execute("alter table weekly_summary enable row level security")
        committing.execute("create policy mine on weekly_summary for select to sqp_reader using (query = 'mine')")
        migrate(database)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            count(connection, "period_change")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="while a summary table has row security"):
            connection.execute(as_of)
        assert count(connection, "period_version") == (3,)
        committing.execute("alter table weekly_summary disable row level security")
        migrate(database)
        assert connection.execute(as_of).fetchone() == (2,)
    with psycopg.connect(login("sqp_writer"), autocommit=True) as connection:
        assert count(connection, "period_change") == (6,)


def test_a_partition_that_somebody_made_gets_row_security_with_the_next_migration(
    committing: Connection, database: str
) -> None:
    committing.execute(
        "create table theirs partition of weekly_summary for values from ('2020-01-05') to ('2020-01-12')"
    )
    committing.execute("alter table weekly_summary enable row level security")
    committing.execute("create policy own on weekly_summary for select using (true)")
    migrate(database)
    assert committing.execute("select relrowsecurity from pg_class where relname = 'theirs'").fetchall() == [(True,)]
    assert committing.execute("select polrelid::regclass::text from pg_policy").fetchall() == [("weekly_summary",)]


def test_forced_row_security_is_refused_unless_the_writer_is_above_it(committing: Connection, database: str) -> None:
    committing.execute("alter table monthly_summary enable row level security, force row level security")
    with pytest.raises(
        MigrationError, match=r"sqp\.monthly_summary has forced row security, which applies to sqp_writer"
    ):
        migrate(database)
    with pytest.raises(
        psycopg.errors.InsufficientPrivilege, match='affected by row-level security policy for table "mon'
    ):
        committing.execute(WEEK.format("2026-11-08"))
    committing.execute("alter table monthly_summary no force row level security")
    assert migrate(database) == []
    committing.execute(WEEK.format("2026-11-08"))
    assert count(committing, "monthly_summary") == (2,)
