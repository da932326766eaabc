"""Whatever an administrator has set for the role or the database, a migration, a sync and the page mean the same."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from sqp_provider.core.settings import Settings
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.migrations import migrate
from sqp_provider.status.filters import PeriodFilter
from sqp_provider.status.queries import reading
from sqp_provider.target.open_runs import OpenRuns
from tests.fixtures import connection_to
from tests.landing import WEEK, Landing, report_row
from tests.stages import Stages

SETTINGS = {
    "client_encoding": "latin1",
    "datestyle": "SQL, DMY",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "intervalstyle": "sql_standard",
    "search_path": "pg_catalog",
    "standard_conforming_strings": "off",
    "timezone": "Pacific/Kiritimati",
}
"""What a sync would stumble over."""

TIMEOUTS = {
    "idle_in_transaction_session_timeout": "1min",
    "lock_timeout": "1min",
    "statement_timeout": "1min",
}
"""What would end a long sync; a test cannot wait for them."""


def set_for_the_database(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        database = sql.Identifier(connection.info.dbname)
        for name, value in (SETTINGS | TIMEOUTS).items():
            setting = sql.SQL("alter database {} set {} = {}").format(
                database, sql.Identifier(name), sql.Literal(value)
            )
            connection.execute(setting)


def test_a_sync_stands_what_was_set_for_the_database(
    empty_database: str, landing: Landing, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_for_the_database(empty_database)
    migrate(empty_database)
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(empty_database))
    stages = Stages(settings, empty_database)
    landing.land(report_row("müsli \\ 'q'"), report_row("r"))
    attached = stages.sync(WEEK)
    assert (attached.errors, attached["publish"]["how"]) == ({}, "attached")
    landing.replace(report_row("müsli \\ 'q'"), report_row("r", asin_click_count=51))
    assert stages.sync(WEEK)["publish"]["updated"] == 1
    stages.run_task(attached, "log_start")
    with SqpPostgresHook(settings.target).transaction() as database:
        (open_run,) = OpenRuns(database).read(None)
        assert timedelta(0) < open_run.age < timedelta(hours=1)
    with reading(settings.target) as page:
        assert {period.period_start for period in page.periods(PeriodFilter()) if period.status == "running"} == {WEEK}


def test_no_timeout_of_the_database_ends_a_sync(
    database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_for_the_database(database)
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(database))
    with SqpPostgresHook(settings.target).transaction() as target:
        for name in (*TIMEOUTS, "transaction_timeout"):
            shown = target.connection.execute("select current_setting(%s, true) as value", [name]).fetchall()
            assert shown[0]["value"] in ("0", None), name
