"""Migrating: at the same time, and every way it can fail."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from sqp_provider import migration_session
from sqp_provider.migrations import migrate
from sqp_provider.revisions import MigrationError, refuse_downgrade
from sqp_provider.sql_files import files_hash, sql_folder
from tests.logins import logins

Connection = psycopg.Connection[Any]
REVISIONS = sorted(path.name[:4] for path in sql_folder("migrations/env.py").glob("migrations/versions/[0-9]*.py"))
APPLIED = [*REVISIONS, files_hash()]


def test_two_migrations_at_once_apply_each_revision_once(empty_database: str) -> None:
    with ThreadPoolExecutor(3) as threads:
        applied = list(threads.map(migrate, [empty_database] * 3))
    assert sorted(applied) == [[], [], APPLIED]


def test_a_waiting_migration_says_so(empty_database: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    said = "Another migration of schema sqp is running; waiting for it to finish."
    with psycopg.connect(empty_database, autocommit=True) as other, ThreadPoolExecutor(1) as threads:
        other.execute("select pg_advisory_lock(hashtextextended('sqp migrate sqp', 0))")
        waiting = threads.submit(migrate, empty_database)
        while said not in caplog.text:
            assert not waiting.done()
            time.sleep(0.05)
        other.execute("select pg_advisory_unlock_all()")
        assert waiting.result() == APPLIED
    assert caplog.text.count(said) == 1


def test_progress_names_each_file(empty_database: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    migrate(empty_database)
    assert "0001_tables.sql" in caplog.text
    assert f"Schema sqp: revisions {', '.join(REVISIONS)} applied." in caplog.text


def test_a_newer_revision_is_refused_and_left_alone(connection: Connection, database: str) -> None:
    connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(
        MigrationError, match=f"at revision 9999, which this code does not know; its newest is {REVISIONS[-1]}"
    ):
        migrate(database)
    assert connection.execute("select version_num from alembic_version").fetchall() == [("9999",)]


def test_an_unreachable_database_is_named_without_its_password() -> None:
    with pytest.raises(
        MigrationError, match=r"Cannot connect to Postgres at 127\.0\.0\.1:1/warehouse as sqp"
    ) as caught:
        migrate("postgresql://sqp:secret@127.0.0.1:1/warehouse")
    assert "secret" not in str(caught.value)
    assert "The target is unchanged." in str(caught.value)


def test_a_login_that_may_connect_only_once_is_told(empty_database: str) -> None:
    with logins(empty_database) as login:
        dsn = login(attributes="connection limit 1")
        with pytest.raises(MigrationError, match=r"too many connections for role .* The target is unchanged"):
            migrate(dsn)


def test_a_dsn_that_is_none_is_refused() -> None:
    with pytest.raises(MigrationError, match="an address that is not a libpq connection string"):
        migrate("warehouse.example.com")


def test_a_dsn_in_sqlalchemy_spelling_works(database: str, server_dsn: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    address, _, _ = server_dsn.rpartition("/")
    assert migrate(f"{address}/{name}".replace("postgresql://", "postgresql+psycopg://")) == []


@pytest.mark.parametrize("schema", ["Sqp", "1st", "a-b", "", 'x"; drop schema sqp', "a" * 56])
def test_a_schema_name_that_would_need_quotes_is_refused(database: str, schema: str) -> None:
    with pytest.raises(MigrationError, match="cannot be used: at most 55 lower-case letters"):
        migrate(database, schema)


def test_missing_rights_say_what_to_grant(empty_database: str) -> None:
    role = f"reader_{uuid4().hex[:12]}"
    with psycopg.connect(empty_database, autocommit=True) as owner:
        owner.execute(f"create role {role} login password 'reader'")
        try:
            with pytest.raises(MigrationError, match=r"permission denied.*grant create on database.*run migrate again"):
                migrate(make_conninfo(empty_database, user=role, password="reader"))
            owner.execute(f"create schema sqp authorization {role}; create schema sqp_staging authorization {role}")
            assert migrate(make_conninfo(empty_database, user=role, password="reader")) == APPLIED
        finally:
            owner.execute(f"drop owned by {role}; drop role {role}")


def test_a_busy_table_is_not_waited_for_without_end(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a shorter lock_timeout, so that the test need not wait 30 s."""
    monkeypatch.setattr(migration_session, "LOCK_TIMEOUT", "100ms")
    with psycopg.connect(empty_database) as other:
        other.execute("create schema sqp; create table sqp.sync_log (id bigint)")
        other.commit()
        other.execute("lock table sqp.sync_log")
        with pytest.raises(MigrationError, match=r"lock timeout.*Run migrate again at a quieter time"):
            migrate(empty_database)


def test_a_missing_sql_folder_says_which_setting_to_change(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SQP_SQL_DIR", str(tmp_path))
    with pytest.raises(MigrationError, match=r"has no migrations/env\.py\. .* set SQP_SQL_DIR to it"):
        migrate(empty_database)


def test_an_old_server_is_refused(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server older than 15 is not at hand, so the bound is raised instead."""
    monkeypatch.setattr(migration_session, "OLDEST_POSTGRES", 99)
    with pytest.raises(MigrationError, match="99 or newer is needed"):
        migrate(empty_database)


def test_a_downgrade_is_refused_with_its_reason() -> None:
    with pytest.raises(MigrationError, match="Revision 0002 cannot be taken back"):
        refuse_downgrade("0002")
