"""The rights that docs/deployment.md asks for are enough: no superuser, no owner of the database."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import RetentionSettings, Settings
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.migrations import migrate
from sqp_provider.status.filters import HistoryFilter, PeriodFilter
from sqp_provider.status.queries import reading
from sqp_provider.target.freshness import read_freshness
from sqp_provider.target.retention import Retention
from tests.fixtures import connection_to
from tests.landing import WEEK, Landing, report_row
from tests.logins import Login, logins, name_of
from tests.stages import Stages


@pytest.fixture
def login(empty_database: str) -> Iterator[Login]:
    """Makes logins for ``empty_database``."""
    with logins(empty_database) as login:
        yield login


def sync_a_week_and_its_restatement(stages: Stages, landing: Landing) -> None:
    landing.land(report_row("q"), report_row("r"))
    attached = stages.sync(WEEK)
    assert (attached.colour, attached["publish"]["how"]) == ("success", "attached"), attached.errors
    landing.replace(report_row("q"), report_row("r", asin_click_count=51))
    restated = stages.sync(WEEK)
    assert (restated.colour, restated["publish"]["updated"]) == ("success", 1), restated.errors


def test_a_role_that_could_create_schemas_once_migrates_and_syncs(
    empty_database: str, login: Login, landing: Landing, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = login()
    on_database = sql.Identifier(str(conninfo_to_dict(dsn)["dbname"])), sql.Identifier(name_of(dsn))
    with psycopg.connect(empty_database, autocommit=True) as owner:
        owner.execute(sql.SQL("grant create on database {} to {}").format(*on_database))
        migrate(dsn)
        owner.execute(sql.SQL("revoke create on database {} from {}").format(*on_database))
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(dsn))
    sync_a_week_and_its_restatement(Stages(settings, dsn), landing)


@pytest.mark.parametrize("attributes", ["", "noinherit"])
def test_a_member_of_the_writers_syncs_and_deletes_and_what_it_made_belongs_to_them(
    empty_database: str,
    login: Login,
    landing: Landing,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    attributes: str,
) -> None:
    migrate(empty_database)
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(login("sqp_writer", attributes=attributes)))
    stages = Stages(settings, empty_database)
    sync_a_week_and_its_restatement(stages, landing)
    month = stages.sync("2026-11-01", SyncType.MONTHLY, allow_empty=True)
    assert month.colour == "success", month.errors
    owners = "select distinct relowner::regrole::text as owner from pg_class where relispartition"
    assert stages.query(owners) == [{"owner": "sqp_writer"}]
    retention = Retention(SqpPostgresHook(settings.target), RetentionSettings())
    retention.delete_log()
    stages.query("select delete_period('weekly', '2026-11-08')")
    assert list(retention.drop_partitions()) == ["weekly_summary_20261108"]


def test_a_member_of_the_readers_sees_the_page_and_waits_for_fresh_tables(
    stages: Stages, landing: Landing, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_a_week_and_its_restatement(stages, landing)
    with logins(stages.dsn) as login:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(login("sqp_reader")))
        assert read_freshness(settings.target, "weekly_summary").state == "synced"
        with reading(settings.target) as page:
            (week, *_) = [period for period in page.periods(PeriodFilter()) if period.period_start == WEEK]
            assert (week.status, week.row_count) == ("synced", 2)
            newest = page.history(HistoryFilter()).rows[0]
            assert page.sync(newest.sync_log_id) is not None
            assert page.checks(newest.sync_log_id) != []
            assert page.rejects(newest.sync_log_id) == []
            assert [len(page.freshness()), len(page.latest())] == [3, 3]
            assert page.dags() == ["sqp_weekly_sync"]


def test_a_sync_refuses_row_security_that_applies_to_it(stages: Stages, landing: Landing) -> None:
    landing.land(report_row("q"))
    stages.query("alter table monthly_summary enable row level security, force row level security")
    run = stages.sync(WEEK)
    assert "row security applies to role sqp_writer on sqp.monthly_summary" in str(run.errors["log_start"])
    assert stages.query("select 1 from weekly_summary") == []
    stages.query("alter table monthly_summary no force row level security")
    assert stages.sync(WEEK).errors == {}
