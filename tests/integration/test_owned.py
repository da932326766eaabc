"""The tests have an Airflow home and a metadata database of their own, and leave neither behind."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from airflow import settings as airflow_settings
from psycopg import sql

from dev.checkout import AIRFLOW_HOME, ENVIRONMENT_FILE
from tests import owned


def test_airflow_is_led_away_from_what_make_up_uses() -> None:
    assert airflow_settings.engine.url.database == owned.METADATA
    assert owned.METADATA not in ENVIRONMENT_FILE.read_text()
    assert Path(airflow_settings.AIRFLOW_HOME) != AIRFLOW_HOME
    assert Path(os.environ["AIRFLOW_HOME"]).is_relative_to(owned.HOMES)


def test_a_session_takes_away_what_it_has_and_what_a_killed_one_left(
    server_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, at_work = f"{owned.PREFIX}killed", f"{owned.PREFIX}atwork"
    monkeypatch.setattr(owned, "NAME", f"{owned.PREFIX}another")
    names = [killed, at_work, owned.NAME]
    with (
        psycopg.connect(server_dsn, autocommit=True) as server,
        psycopg.connect(server_dsn, application_name=at_work),
    ):
        for name in names:
            server.execute(sql.SQL("create database {}").format(sql.Identifier(f"{name}_airflow_main")))
            (owned.HOMES / name).mkdir(parents=True)
        with owned.alive(server_dsn):
            assert [bool(owned.left(server, name)) for name in names] == [False, True, True]
            assert [(owned.HOMES / name).exists() for name in names] == [False, True, True]
        assert [bool(owned.left(server, name)) for name in names] == [False, True, False]
        assert [(owned.HOMES / name).exists() for name in names] == [False, True, False]
        server.execute(sql.SQL("drop database {}").format(sql.Identifier(f"{at_work}_airflow_main")))
        (owned.HOMES / at_work).rmdir()
