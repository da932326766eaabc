"""Partitions: which of them a reader opens, and those that somebody else made."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from sqp_provider.migrations import migrate
from tests.published import Publisher

Connection = psycopg.Connection[Any]

ROW = "insert into {} (period_start, period_end, query, asin) values (%s, %s, 'a', 'B000000001')"
NEWEST = "select table_name, latest_period::text from check_data_freshness()"


def ensure(connection: Connection, table: str, first: str, last: str) -> bool:
    """Give a period a partition."""
    (made,) = connection.execute("select ensure_period_partition(%s, %s, %s)", [table, first, last]).fetchone() or ()
    return bool(made)


def opened(connection: Connection, query: str) -> set[str]:
    """The tables that a query reads, without the default partition."""
    (plan,) = connection.execute(f"explain (format json) {query}").fetchone() or ()
    nodes, found = [plan[0]["Plan"]], set()
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        found.add(node.get("Relation Name", ""))
    return {name for name in found if name and not name.endswith("_default")}


@pytest.fixture
def months(connection: Connection) -> Connection:
    """A schema with partitions for two years: each of its weeks, months and quarters."""
    connection.execute(
        """select ensure_period_partition(target_table, first::date, (first + step)::date - 1)
        from period_type, generate_series(
            case unit when 'week' then timestamp '2025-01-05' else '2025-01-01' end, timestamp '2026-12-31', step
        ) as first"""
    )
    return connection


@pytest.mark.parametrize(
    ("query", "partitions"),
    [
        ("monthly_summary where year = 2026 and month = 10", {"monthly_summary_20261001"}),
        ("monthly_summary where period_end = '2026-10-31'", {"monthly_summary_20261001"}),
        ("quarterly_summary where year = 2026 and quarter = 4", {"quarterly_summary_20261001"}),
        ("quarterly_summary where period_end > '2026-10-01'", {"quarterly_summary_20261001"}),
        ("weekly_summary where period_end = '2026-11-14'", {"weekly_summary_20261108"}),
        (
            "weekly_summary where period_end between '2026-11-01' and '2026-11-20'",
            {"weekly_summary_20261101", "weekly_summary_20261108"},
        ),
        ("weekly_summary where period_start = '2026-11-08'", {"weekly_summary_20261108"}),
    ],
)
def test_a_filter_on_the_calendar_opens_only_its_partitions(
    months: Connection, query: str, partitions: set[str]
) -> None:
    assert opened(months, f"select * from {query}") == partitions


def test_a_filter_on_today_opens_few_partitions_if_it_is_on_the_first_day(months: Connection) -> None:
    """Of the other columns Postgres compares only constants with the checks."""
    recent = "period_start between current_date - 30 and current_date"
    assert len(opened(months, f"select * from weekly_summary where {recent}")) < 10
    assert len(opened(months, "select * from weekly_summary")) > 100


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("weekly_summary", {"period_start": "2026-11-08", "period_end": "2026-11-15"}),
        ("monthly_summary", {"period_start": "2026-10-01", "period_end": "2026-10-31", "year": 2025}),
        ("quarterly_summary", {"period_start": "2026-10-01", "period_end": "2026-12-31", "quarter": 3}),
    ],
)
def test_a_row_that_contradicts_its_period_is_refused(months: Connection, table: str, values: dict[str, Any]) -> None:
    columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
    insert = f"insert into {table} ({columns}, query, asin) values ({places}, 'a', 'B000000001')"
    with pytest.raises(psycopg.errors.CheckViolation, match="_period_check"):
        months.execute(insert, list(values.values()))


def test_a_writer_may_leave_year_and_month_out(months: Connection) -> None:
    months.execute(ROW.format("monthly_summary"), ["2026-10-01", "2026-10-31"])
    assert months.execute("select year, month from monthly_summary").fetchall() == [(None, None)]


def locks(connection: Connection, statement: str) -> int:
    """How many locks on tables and indexes of the summaries a statement leaves until its transaction ends."""
    with connection.transaction():
        connection.execute(statement)
        (count,) = connection.execute(
            "select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'relation'"
            " and relation::regclass::text like '%summary%'"
        ).fetchone() or (0,)
    return int(count)


def test_freshness_takes_no_more_locks_with_many_partitions(committing: Connection) -> None:
    def add_weeks(first: str, last: str) -> None:
        committing.execute(
            "select ensure_period_partition('weekly_summary', day::date, day::date + 6)"
            " from generate_series(%s::timestamp, %s, interval '7 days') as day",
            [first, last],
        )

    add_weeks("2026-10-25", "2026-11-01")
    committing.execute(ROW.format("weekly_summary"), ["2026-11-01", "2026-11-07"])
    few = locks(committing, "select * from check_data_freshness()")
    add_weeks("2025-11-02", "2026-10-18")
    assert locks(committing, "select period_start from weekly_summary") > 200
    assert locks(committing, "select * from check_data_freshness()") == few < 30


@pytest.mark.parametrize(
    ("rows", "newest"),
    [
        ([("2026-10-25", "2026-10-31")], "2026-10-31"),
        ([("2026-10-25", "2026-10-31"), ("2026-11-01", "2026-11-07")], "2026-11-07"),  # in the default partition
        ([("2026-10-25", "2026-10-31"), ("2026-10-18", "2026-10-24")], "2026-10-31"),
        ([("2026-10-11", "2026-10-17")], "2026-10-17"),  # between two partitions
        ([("2020-01-05", "2020-01-11")], "2020-01-11"),  # before all of them
        ([], None),
    ],
)
def test_the_newest_period_is_found_wherever_its_rows_are(
    connection: Connection, rows: list[tuple[str, str]], newest: str | None
) -> None:
    for first, last in (("2026-10-04", "2026-10-10"), ("2026-10-25", "2026-10-31")):
        assert ensure(connection, "weekly_summary", first, last)
    for row in rows:
        connection.execute(ROW.format("weekly_summary"), row)
    assert connection.execute(NEWEST).fetchall()[0] == ("weekly_summary", newest)


def test_a_reader_of_the_table_alone_can_ask_how_fresh_it_is(connection: Connection) -> None:
    ensure(connection, "weekly_summary", "2026-11-01", "2026-11-07")
    connection.execute(ROW.format("weekly_summary"), ["2026-11-01", "2026-11-07"])
    (name,) = connection.execute("select 'reader_' || replace(gen_random_uuid()::text, '-', '')").fetchone() or ("",)
    connection.execute(f"create role {name}; grant sqp_reader to {name}")
    connection.execute(f"set local role {name}")
    assert connection.execute(NEWEST).fetchall()[0] == ("weekly_summary", "2026-11-07")


WHERE = "select distinct tableoid::regclass::text from weekly_summary order by 1"


@pytest.mark.parametrize(
    "bounds",
    [
        "from (minvalue) to ('2026-11-10')",
        "from ('2026-11-10') to (maxvalue)",
        "from (minvalue) to (maxvalue)",
        "from ('2026-11-01') to ('2026-12-01')",  # a month
        "from ('2026-11-10') to ('2026-11-12')",  # inside the week
        "from ('2026-11-14') to ('2026-11-15')",
        "from ('-infinity') to ('infinity')",
    ],
)
def test_a_week_gets_no_partition_where_one_of_somebody_else_takes_its_days(
    connection: Connection, bounds: str
) -> None:
    connection.execute(f"create table of_theirs partition of weekly_summary for values {bounds}")
    connection.execute("set local datestyle = 'SQL, DMY'")
    assert not ensure(connection, "weekly_summary", "2026-11-08", "2026-11-14")
    assert connection.execute(
        "select way_as_a_whole('weekly_summary', '08/11/2026', '14/11/2026'), to_regclass('weekly_summary_20261108')"
    ).fetchall() == [(None, None)]


def test_a_week_gets_a_partition_beside_those_of_somebody_else(connection: Connection) -> None:
    connection.execute("create table before partition of weekly_summary for values from (minvalue) to ('2026-11-08')")
    connection.execute("create table after partition of weekly_summary for values from ('2026-11-15') to (maxvalue)")
    assert ensure(connection, "weekly_summary", "2026-11-08", "2026-11-14")


def test_a_plain_table_gets_no_partition(connection: Connection) -> None:
    assert not ensure(connection, "sync_log", "2026-11-08", "2026-11-14")


def test_rows_of_the_default_partition_move_into_the_partition_of_their_period(connection: Connection) -> None:
    """As they are, and without a trigger that would sum the month again or forget what is published."""
    for first, last in (("2026-11-08", "2026-11-14"), ("2026-11-15", "2026-11-21")):
        connection.execute(ROW.format("weekly_summary"), [first, last])
    connection.execute(
        "insert into synced_period (sync_type, period_start, period_end, state, fingerprint)"
        " values ('weekly', '2026-11-08', '2026-11-14', 'synced', 'f')"
    )
    everything = "select * from weekly_summary order by 1"
    months = "select ctid, xmin, * from monthly_summary"
    before = connection.execute(everything).fetchall(), connection.execute(months).fetchall()
    assert ensure(connection, "weekly_summary", "2026-11-08", "2026-11-14")
    assert connection.execute(WHERE).fetchall() == [("weekly_summary_20261108",), ("weekly_summary_default",)]
    assert (connection.execute(everything).fetchall(), connection.execute(months).fetchall()) == before
    assert connection.execute("select fingerprint from synced_period where sync_type = 'weekly'").fetchall() == [("f",)]
    indexes = "select count(*) from pg_index where indrelid = 'weekly_summary_20261108'::regclass"
    assert connection.execute(indexes).fetchall() == [(3,)]


@pytest.mark.parametrize(
    "theirs",
    [
        "insert into weekly_summary (period_start, period_end, query, asin)"
        " values ('2026-11-09', '2026-11-15', 'a', 'B000000001')",  # a week from Monday
        "create table of_theirs (day date, query text, asin text, foreign key (day, query, asin)"
        " references weekly_summary on delete cascade); insert into of_theirs values ('2026-11-08', 'a', 'B000000001')",
        "create publication of_theirs for table weekly_summary with (publish_via_partition_root)",
        "create function of_theirs() returns trigger language plpgsql as 'begin return new; end'; create trigger"
        " of_theirs before delete on weekly_summary for each row execute function of_theirs()",
    ],
)
def test_rows_that_cannot_move_stay_in_the_default_partition(connection: Connection, theirs: str) -> None:
    connection.execute(ROW.format("weekly_summary"), ["2026-11-08", "2026-11-14"])
    connection.execute(theirs)  # type: ignore[arg-type]
    assert not ensure(connection, "weekly_summary", "2026-11-08", "2026-11-14")
    assert connection.execute(WHERE).fetchall() == [("weekly_summary_default",)]


THEIRS = (
    "create function public.theirs() returns trigger language plpgsql as 'begin return new; end';"
    " create trigger harmless after truncate on weekly_summary execute function public.theirs();"
    " create publication harmless for table monthly_summary;"
    " create view harmless as select * from weekly_summary;"
    " create index harmless_index on weekly_summary (asin);"
    " grant select on weekly_summary to sqp_reader"
)
"""What others have on the table that a new partition takes nothing from."""
FOLLOWERS = {
    "publication of the table": "create publication p for table weekly_summary",
    "publication of the table by its name": "create publication p for table weekly_summary"
    " with (publish_via_partition_root)",
    "publication of the schema": "create publication p for tables in schema sqp",
    "publication of all": "create publication p for all tables",
    "trigger": "create trigger t after insert on weekly_summary for each row execute function public.theirs()",
    "statement trigger": "create trigger t after insert on weekly_summary execute function public.theirs()",
    "delete trigger": "create trigger t after delete on weekly_summary execute function public.theirs()",
    "rule": "create rule r as on insert to weekly_summary do also notify theirs",
}
FOLLOWERS_OF_WHAT_IS_THERE = FOLLOWERS | {
    "key": "create table t (day date, query text, asin text, foreign key (day, query, asin) references weekly_summary)",
    "update trigger": "create trigger t before update on weekly_summary for each row execute function public.theirs()",
    "update statement trigger": "create trigger t after update on weekly_summary execute function public.theirs()",
}
USERS_OF_THE_PARTITION = {
    "view": "create view v as select * from {}",
    "materialized view": "create materialized view v as select query from {}",
    "view of its rows as a type": "create view v as select null::{} as no_row",
    "function of its type": "create function f() returns setof {} language sql as 'select * from weekly_summary'",
    "function that reads it": "create function f() returns bigint begin atomic select count(*) from {}; end",
    "foreign key": "create table t (day date, query text, asin text, foreign key (day, query, asin) references {})",
    "insert trigger": "create trigger t after insert on {} for each row execute function public.theirs()",
    "update trigger": "create trigger t before update on {} for each row execute function public.theirs()",
    "truncate trigger": "create trigger t after truncate on {} execute function public.theirs()",
    "disabled trigger": "create trigger t after insert on {0} execute function public.theirs();"
    " alter table {0} disable trigger t",
    "rule": "create rule r as on update to {} do also notify theirs",
    "policy": "create policy p on {} for select using (true)",
    "publication": "create publication p for table {}",
    "grant": "grant select on {} to sqp_reader",
    "grant to all": "grant select on {} to public",
    "grant on a column": "grant select (query) on {} to sqp_reader",
    "index": "create index on {} (lower(query))",
    "unique index": "create unique index on {} (query, asin)",
    "replica identity of all columns": "alter table {} replica identity full",
    "replica identity by an index": "alter table {0} replica identity using index {0}_pkey",
    "check": "alter table {} add constraint own check (total_clicks >= 0)",
    "statistics": "create statistics s (dependencies) on query, asin from {}",
    "setting": "alter table {} set (autovacuum_enabled = false)",
    "comment": "comment on table {} is 'do not touch'",
}
WAY = "select way_as_a_whole('weekly_summary', '2026-11-08', '2026-11-14')"


def way(connection: Connection) -> str | None:
    """How the week from 2026-11-08 can be published as a whole."""
    (found,) = connection.execute(WAY).fetchone() or ("",)
    return found


@pytest.fixture
def week(connection: Connection) -> Connection:
    """A schema with the partition of the week from 2026-11-08, and with what others have on the table."""
    assert ensure(connection, "weekly_summary", "2026-11-08", "2026-11-14")
    connection.execute(ROW.format("weekly_summary"), ["2026-11-08", "2026-11-14"])
    connection.execute(THEIRS)
    return connection


@pytest.mark.parametrize("follower", FOLLOWERS)
def test_nothing_is_attached_past_somebody_who_follows_the_rows(connection: Connection, follower: str) -> None:
    connection.execute(THEIRS)
    assert way(connection) == "attach"
    connection.execute(FOLLOWERS[follower])  # type: ignore[arg-type]
    assert way(connection) is None


@pytest.mark.parametrize("follower", sorted(FOLLOWERS_OF_WHAT_IS_THERE.keys() - FOLLOWERS.keys()))
def test_a_new_week_is_attached_whoever_follows_changes_of_old_ones(connection: Connection, follower: str) -> None:
    connection.execute(THEIRS)
    connection.execute(FOLLOWERS_OF_WHAT_IS_THERE[follower])  # type: ignore[arg-type]
    assert way(connection) == "attach"


@pytest.mark.parametrize("follower", FOLLOWERS_OF_WHAT_IS_THERE)
def test_no_partition_is_replaced_under_somebody_who_follows_the_rows(week: Connection, follower: str) -> None:
    assert way(week) == "swap"
    week.execute(FOLLOWERS_OF_WHAT_IS_THERE[follower])  # type: ignore[arg-type]
    assert way(week) is None


@pytest.mark.parametrize("user", USERS_OF_THE_PARTITION)
def test_no_partition_is_replaced_on_which_somebody_has_put_something(week: Connection, user: str) -> None:
    assert way(week) == "swap"
    week.execute(USERS_OF_THE_PARTITION[user].format("weekly_summary_20261108"))  # type: ignore[arg-type]
    assert week.execute("select is_used_by_others('weekly_summary_20261108')").fetchall() == [(True,)]
    assert way(week) is None


def test_a_week_in_the_default_partition_or_in_one_of_somebody_else_is_not_replaced(connection: Connection) -> None:
    connection.execute(ROW.format("weekly_summary"), ["2026-11-08", "2026-11-14"])
    assert way(connection) is None
    connection.execute("delete from weekly_summary")
    assert way(connection) == "attach"
    connection.execute(
        "create table weekly_summary_20261108 partition of weekly_summary"
        " for values from ('2026-11-08') to ('2026-11-22')"
    )
    assert way(connection) is None


def test_a_table_with_a_name_like_a_partition_is_neither_replaced_nor_attached(connection: Connection) -> None:
    connection.execute("create table weekly_summary_20261108 (like weekly_summary including all)")
    assert way(connection) is None


def test_a_partition_stays_when_it_is_used_by_others_and_its_rows_are_right_all_the_same(
    committing: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has put something on week, month or quarter: all are written row by row."""
    publisher = Publisher(database, monkeypatch, swap_above_rows=0, swap_above_fraction=0)
    partitions = ("weekly_summary_20261108", "monthly_summary_20261101", "quarterly_summary_20261001")
    oids = f"select array_agg(oid order by relname) from pg_class where relname in {partitions}"
    assert publisher.week("2026-11-08").how == "attached"
    for clicks, partition in enumerate(partitions):
        committing.execute(f"create view of_theirs as select total_clicks from {partition}")
        before = committing.execute(oids).fetchall()
        assert publisher.week("2026-11-08", [{"total_clicks": clicks}]).how == "difference"
        assert committing.execute(oids).fetchall() == before
        assert committing.execute("select * from of_theirs").fetchall() == [(clicks,)]
        committing.execute("drop view of_theirs")
    assert publisher.week("2026-11-08", [{"total_clicks": 7}]).how == "swapped"
    for table in ("weekly_summary", "monthly_summary", "quarterly_summary"):
        assert committing.execute(f"select total_clicks from {table}").fetchall() == [(7,)]


def test_migrating_names_the_publications_that_keep_periods_in_the_default_partition(
    committing: Connection, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    committing.execute("create publication by_table for table weekly_summary with (publish_via_partition_root)")
    committing.execute("create publication by_partition for table monthly_summary")
    with caplog.at_level("INFO"):
        migrate(database)
    said = [record.getMessage() for record in caplog.records if "Publication" in record.getMessage()]
    assert said == [
        "Publication by_partition sends monthly_summary by partition: new periods stay in monthly_summary_default,"
        " because a subscriber would miss new partitions. To give periods their own, run "
        '"alter publication by_partition set (publish_via_partition_root = true)" and refresh its subscriptions.'
    ]
