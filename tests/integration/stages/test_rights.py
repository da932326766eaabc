"""The rights that docs/deployment.md asks of the Postgres role are enough: no superuser, no owner of the database."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqp_provider.core.settings import Settings
from sqp_provider.migrations import migrate
from tests.fixtures import connection_to
from tests.landing import WEEK, Landing, report_row
from tests.stages import Stages


@pytest.fixture
def role(empty_database: str) -> Iterator[str]:
    """A role that may log in and nothing else, with its rights gone before it is dropped."""
    name = sql.Identifier(f"sqp_test_{uuid4().hex[:12]}")
    with psycopg.connect(empty_database, autocommit=True) as owner:
        owner.execute(sql.SQL("create role {} login password 'syncs'").format(name))
        yield str(name.as_string(owner)).strip('"')
        owner.execute(sql.SQL("drop owned by {} cascade").format(name))
        owner.execute(sql.SQL("drop role {}").format(name))


def test_a_role_that_could_create_schemas_once_migrates_and_syncs(
    empty_database: str, role: str, landing: Landing, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = make_conninfo(empty_database, user=role, password="syncs")
    on_database = sql.Identifier(str(conninfo_to_dict(dsn)["dbname"])), sql.Identifier(role)
    with psycopg.connect(empty_database, autocommit=True) as owner:
        owner.execute(sql.SQL("grant create on database {} to {}").format(*on_database))
        migrate(dsn)
        owner.execute(sql.SQL("revoke create on database {} from {}").format(*on_database))
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(dsn))
    stages = Stages(settings, dsn)
    landing.land(report_row("q"), report_row("r"))
    attached = stages.sync(WEEK)
    assert (attached.colour, attached["publish"]["how"]) == ("success", "attached"), attached.errors
    landing.replace(report_row("q"), report_row("r", asin_click_count=51))
    restated = stages.sync(WEEK)
    assert (restated.colour, restated["publish"]["updated"]) == ("success", 1), restated.errors
