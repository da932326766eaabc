"""The files of sql/schema are the schema: a database built by the migration agrees with them in everything."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sqp_provider.core.contract import FIGURES, PRICE_PLACES, PRICES, RATES, TEXTS
from sqp_provider.core.period import SyncType
from sqp_provider.core.together import SUMS
from sqp_provider.migrations import migrate
from sqp_provider.revisions import MigrationError
from sqp_provider.sql_files import files_hash, schema_files, sql_folder
from tests.integration.sql.catalogue import QUERIES, catalogue

Connection = psycopg.Connection[Any]


def without(lines: list[str], *words: str) -> list[str]:
    """The lines in which none of the words is."""
    return [line for line in lines if not any(word in line for word in words)]


@pytest.fixture
def from_files(empty_database: str) -> Connection:
    """A schema called ``sqp`` that only the files of sql/schema have built."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("create schema sqp; create schema sqp_staging")
        connection.execute("set search_path = sqp, pg_temp")
        connection.execute("create table alembic_version (version_num varchar(32) not null)")
        connection.execute("alter table alembic_version add constraint alembic_version_pkc primary key (version_num)")
        with connection.transaction():
            for file in (sql_folder() / "schema" / "0_tables.sql", *schema_files()):
                connection.execute(file.read_bytes())
        yield connection


def test_the_migration_builds_what_the_files_say(connection: Connection, from_files: Connection) -> None:
    built, written = catalogue(connection), catalogue(from_files)
    for kind in built:
        assert built[kind] == written[kind], kind
    assert connection.execute("select nspname from pg_namespace where nspname like 'sqp%' order by 1").fetchall() == [
        ("sqp",),
        ("sqp_staging",),
    ]


def test_the_comparison_notices_a_change_of_each_kind(committing: Connection) -> None:
    changes = {
        "columns": "alter table sync_log alter column attempt drop not null",
        "tables": "alter table sync_log enable row level security",
        "constraints": "alter table synced_period drop constraint synced_period_state_check",
        "indexes": "drop index idx_sync_log_type",
        "functions": "alter function rate(bigint, bigint) stable",
        "views": "create or replace view rollup_type as select * from period_type where unit <> 'day'",
        "triggers": "alter table weekly_summary disable trigger update_summaries_on_weekly_insert",
        "privileges": "grant select on sync_log to public",
        "comments": "comment on view period_status is null",
        "period types": "update period_type set days_allowed = 15 where sync_type = 'weekly'",
    }
    before = catalogue(committing)
    assert changes.keys() == before.keys()
    for kind, change in changes.items():
        committing.execute(change)
        now = catalogue(committing)
        assert now[kind] != before[kind], kind
        before = now


def columns_of(lines: list[str], table: str) -> dict[str, str]:
    """The columns of a table by name, without NOT NULL, which belongs to a key of ours."""
    found = (line.split(" ", 2) for line in lines if line.startswith(f"{table} "))
    return {name: kind.removesuffix(" not null") for _, name, kind in found}


def test_an_adopted_database_agrees_but_for_what_was_theirs(
    seed: Connection, adopt: Callable[[], Connection], from_files: Connection
) -> None:
    """Their summary tables stay plain, with their own columns, key and owner; all else is as in a new database.

    The sums over their columns are cast where ours need no cast, so these views are not compared.
    """
    tables = [sync_type.target_table for sync_type in SyncType]
    query = QUERIES["columns"]
    theirs = [str(line) for (line,) in seed.execute(query)]  # type: ignore[arg-type]
    found, written = catalogue(adopt()), catalogue(from_files)
    for kind in ("functions", "views", "triggers", "comments", "period types"):
        differing = ("_summary_default", *(f"{view}  SELECT" for view in SUMS))
        assert without(found[kind], *differing) == without(written[kind], *differing), kind
    for kind in ("columns", "tables", "constraints", "indexes"):
        assert without(found[kind], "_summary", *SUMS) == without(written[kind], "_summary", *SUMS), kind
    for table in tables:
        ours = columns_of(written["columns"], table)
        added = ours.keys() - columns_of(theirs, table).keys()
        have = columns_of(found["columns"], table)
        assert {name: have[name] for name in added} == {name: ours[name] for name in added}
        assert ours.keys() <= have.keys()
        reference = f"{table} {table}_sync_log_id_fkey FOREIGN KEY (sync_log_id) REFERENCES sync_log(id)"
        assert any(line.startswith(reference) for line in found["constraints"])


def test_period_types_and_figures_stand_in_sql_as_in_python(connection: Connection) -> None:
    types = connection.execute(
        "select sync_type, unit, step = make_interval(days => %s) or step = make_interval(months => %s), target_table,"
        " delay_days, days_allowed from period_type order by step",
        [SyncType.WEEKLY.period_type.step[0], 0],
    ).fetchall()
    assert [(name, unit, table, delay, allowed) for name, unit, _, table, delay, allowed in types] == [
        (t.value, t.period_type.unit, t.target_table, t.period_type.delay_days, t.period_type.days_allowed)
        for t in SyncType
    ]
    for sync_type in SyncType:
        count, unit = sync_type.period_type.step
        step = connection.execute(
            "select step = %s::interval from period_type where sync_type = %s", [f"{count} {unit}", sync_type.value]
        ).fetchone()
        assert step == (True,), sync_type
    assert connection.execute("select name, type, rule, numerator, denominator from summary_figures()").fetchall() == [
        *(
            (
                figure.column,
                "bigint default 0" if figure.over_weeks == "sum" else "bigint",
                figure.over_weeks,
                None,
                None,
            )
            for figure in FIGURES
        ),
        *((price.column, f"numeric(14, {PRICE_PLACES})", "unknown", None, None) for price in PRICES),
        *((text.column, "text", "unknown", None, None) for text in TEXTS),
        *((rate.column, "numeric(10, 6)", "rate", rate.numerator, rate.denominator) for rate in RATES),
    ]


def revisions(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute("select version_num from alembic_version")]


def test_every_revision_can_run_twice(committing: Connection, database: str) -> None:
    committing.execute(
        "insert into weekly_summary (period_start, period_end, query, asin, last_synced_at)"
        " values ('2026-11-08', '2026-11-14', 'a', 'B000000001', now())"
    )
    committing.execute(
        "insert into synced_period (sync_type, period_start, period_end, state)"
        " values ('weekly', '2026-11-08', '2026-11-14', 'synced')"
    )
    before = committing.execute("select * from monthly_summary").fetchall()
    applied, built = revisions(committing), catalogue(committing)
    committing.execute("delete from alembic_version")
    assert migrate(database)[-1:] == applied
    assert catalogue(committing) == built
    assert committing.execute("select * from monthly_summary").fetchall() == before
    assert committing.execute("select count(*) from sync_log").fetchall() == [(0,)]


def test_each_revision_can_run_twice_in_a_row(empty_database: str) -> None:
    """As when the connection breaks after the SQL and before the revision is noted."""
    applied = migrate(empty_database)
    with psycopg.connect(empty_database, autocommit=True, options="-c search_path=sqp") as connection:
        built = catalogue(connection)
        for before, revision in pairwise(applied[:-1]):
            connection.execute("update alembic_version set version_num = %s", [before])
            assert migrate(empty_database)[0] == revision
        assert catalogue(connection) == built


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """Use a copy of sql/ in which a function or view of sql/schema is changed."""
    folder = tmp_path / "sql"
    shutil.copytree(sql_folder(), folder)

    def edit(old: str, new: str) -> None:
        (file,) = (path for path in (folder / "schema").glob("[1-9]*.sql") if old in path.read_text(encoding="utf-8"))
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        monkeypatch.setenv("SQP_SQL_DIR", str(folder))
        files_hash.cache_clear()

    yield edit
    monkeypatch.undo()
    files_hash.cache_clear()


def test_an_edited_function_is_noticed_and_put_in_force(
    committing: Connection, database: str, edited: Callable[[str, str], None]
) -> None:
    old = files_hash()
    edited("when p_of = 0 then 0", "when p_of = 0 then 55")
    assert files_hash() != old
    assert migrate(database) == [files_hash()]
    assert committing.execute("select rate(7, 0), files from schema_state").fetchone() == (55, files_hash())
    assert migrate(database) == []


def test_a_trigger_or_function_that_somebody_dropped_comes_back(committing: Connection, database: str) -> None:
    built = catalogue(committing)
    committing.execute("drop trigger update_summaries_on_weekly_insert on weekly_summary")
    committing.execute("drop function check_data_freshness()")
    assert migrate(database) == []
    assert catalogue(committing) == built


def test_a_view_can_gain_a_column_but_never_lose_one(
    committing: Connection, database: str, edited: Callable[[str, str], None]
) -> None:
    """People build on the views: what is not appended is refused, and nothing is put in force."""
    committing.execute("create view of_theirs as select status from period_status")
    edited("    end as why\n", "    end as why,\n    checks_needed\n")
    migrate(database)
    committing.execute("select checks_needed from period_status")
    edited("    source_row_count,\n    source_seen_at,\n", "    source_seen_at,\n")
    in_force = committing.execute("select files from schema_state").fetchone()
    with pytest.raises(MigrationError, match="cannot drop columns from view"):
        migrate(database)
    assert committing.execute("select files from schema_state").fetchone() == in_force
    committing.execute("select source_row_count from of_theirs, period_status")


def test_migrating_an_up_to_date_schema_does_nothing(database: str) -> None:
    assert migrate(database) == []


def test_a_second_schema_lives_beside_the_first(committing: Connection, database: str) -> None:
    assert migrate(database, "client_a") == migrate(database, "client_b")
    insert = (
        "insert into {}.weekly_summary (period_start, period_end, query, asin)"
        " values ('2026-11-08', '2026-11-14', '{}', 'B000000001')"
    )
    for schema in ("sqp", "client_a"):
        committing.execute(insert.format(schema, schema))
    built = catalogue(committing)
    for schema, months in (("sqp", [("sqp",)]), ("client_a", [("client_a",)]), ("client_b", [])):
        committing.execute(f"set search_path = {schema}")
        assert catalogue(committing) == built
        assert committing.execute("select query from monthly_summary").fetchall() == months


def test_this_server_is_the_one_the_test_names(connection: Connection, request: pytest.FixtureRequest) -> None:
    if "postgres 15" in request.node.name:
        assert connection.info.server_version // 10000 == 15
    assert connection.info.server_version // 10000 >= 15
