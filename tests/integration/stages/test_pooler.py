"""Behind a pooler that gives each transaction another connection, as PgBouncer and Supabase's port 6543 do."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from sqp_provider.core.ownership import Owner
from sqp_provider.core.settings import Settings
from sqp_provider.migrations import migrate, take_over
from sqp_provider.revisions import MigrationError
from sqp_provider.sql_files import sql_folder
from sqp_provider.status.filters import PeriodFilter
from sqp_provider.status.queries import reading
from sqp_provider.target.freshness import read_freshness
from tests.fixtures import connection_to
from tests.landing import WEEK, Landing, report_row
from tests.pooler import STATE, other_clients, pooled
from tests.stages import Stages

OLDER_WEEKS = ["2026-10-11", "2026-10-18", "2026-10-25", "2026-11-01"]


@pytest.fixture
def through(database: str) -> Iterator[str]:
    """The dsn of ``database`` through a pooler."""
    with pooled(database) as dsn:
        yield dsn


def test_syncs_page_and_sensor_work_and_other_clients_find_nothing_of_them(
    through: str, database: str, landing: Landing, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database) as connection:
        untouched = connection.execute(STATE).fetchone()
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(through))
    stages = Stages(settings, database)
    with other_clients(through) as found:
        for week in OLDER_WEEKS:
            landing.land(report_row("q", week=WEEK.fromisoformat(week)))
            assert stages.sync(week).errors == {}
        landing.land(report_row("q"), report_row("r"))
        assert stages.sync(WEEK)["publish"]["how"] == "attached"
        landing.replace(report_row("q"), report_row("r", asin_click_count=51))
        assert stages.sync(WEEK)["publish"]["updated"] == 1
        for _ in range(10):
            assert read_freshness(settings.target, "weekly_summary").period_start == WEEK
            with reading(settings.target) as page:
                newest = page.periods(PeriodFilter())
            assert {period.status for period in newest if period.sync_type == "weekly"} >= {"synced"}
    assert found == {untouched}
    assert len(stages.target()) == len(OLDER_WEEKS) + 2


def test_syncs_of_two_schemas_do_not_meet(
    through: str, database: str, landing: Landing, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(database, "sqp_us")
    other = settings.model_copy(update={"target": settings.target.model_copy(update={"schema_name": "sqp_us"})})
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(through))
    landing.land(report_row("q"))
    with other_clients(through):
        runs = [Stages(each, database).sync(WEEK) for each in (settings, other, settings)]
    assert [run.errors for run in runs] == [{}, {}, {}]
    with psycopg.connect(database) as connection:
        for schema, rows in (("sqp", 2), ("sqp_us", 1)):
            connection.execute("select set_config('search_path', %s, false)", [schema])
            assert connection.execute("select count(*) from weekly_summary").fetchone() == (1,)
            assert connection.execute("select sum(attempt) from sync_log").fetchone() == (rows,)


@pytest.mark.parametrize("pool", [{"pool_size": 1}, {"pool_size": 3}, {"pool_size": 3, "round_robin": True}])
@pytest.mark.parametrize("clients", [0, 4])
def test_a_migration_refuses_before_it_writes_anything(
    empty_database: str, pool: dict[str, int | bool], clients: int
) -> None:
    objects = (
        "select count(*) from pg_class as c join pg_namespace as n on n.oid = relnamespace where nspname !~ '^pg_'"
    )
    with psycopg.connect(empty_database, autocommit=True) as connection:
        before = connection.execute(objects).fetchone()
        with pooled(empty_database, **pool) as through, other_clients(through, clients):  # type: ignore[arg-type]
            for _ in range(2):
                with pytest.raises(
                    MigrationError, match=r"is a pooler.*The target is unchanged\. Migrate over the direct"
                ):
                    migrate(through)
            with pytest.raises(MigrationError, match="is a pooler"):
                take_over(through, "sqp", Owner("other"))
            locks = (
                "select count(*) from pg_locks where locktype = 'advisory'"
                " and database = (select oid from pg_database where datname = current_database())"
            )
            assert connection.execute(locks).fetchone() == (0,)
        assert connection.execute(objects).fetchone() == before
        assert connection.execute("select count(*) from pg_namespace where nspname ~ '^sqp'").fetchone() == (0,)


def test_a_pooler_that_gives_each_login_a_session_is_migrated_through(empty_database: str) -> None:
    with pooled(empty_database, pool_mode="session", pool_size=10) as through:
        revisions = sorted(path.name[:4] for path in sql_folder().glob("migrations/versions/[0-9]*.py"))
        assert migrate(through)[:-1] == revisions
        assert migrate(through) == []
