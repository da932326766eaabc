"""The Dag sqp_migrate with several feeds, by Airflow's task runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models.dagrun import DagRun
from airflow.sdk.exceptions import ParamValidationError

from tests.dags.conftest import DAGS, AirflowRuns
from tests.fixtures import connection_to
from tests.several import Several, several_in

Run = Callable[..., DagRun]
Configure = Callable[[Mapping[str, Any]], Path]


@pytest.fixture
def several(server_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Several]:
    with several_in(server_dsn) as several:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(several.dsn))
        yield several


@pytest.fixture
def run(several: Several, configure: Configure) -> Run:
    """Run the Dag for some feeds: ``run({"us": {}}, take_over=True)``."""

    def run(named: dict[str, Any], **conf: Any) -> DagRun:
        configure(several.configuration(named))
        bag = DagBag(DAGS)
        assert bag.import_errors == {}
        run: DagRun = bag.dags["sqp_migrate"].test(run_after=datetime.now(UTC), run_conf=conf)
        return run

    return run


def states(run: DagRun) -> dict[str, str | None]:
    """The states of the tasks; a mapped one by its feed."""
    return {ti.rendered_map_index or ti.task_id: ti.state for ti in run.get_task_instances()}


def shown(several: Several) -> list[str]:
    """The feeds that the views are made of."""
    definition = "select pg_get_viewdef('sqp_all.sync_log'::regclass)"
    ((text,),) = several.execute(definition)
    return [feed for feed in ("ca", "uk", "us") if f"'{feed}'::text AS feed" in text]


def test_a_feed_that_cannot_be_migrated_makes_the_run_red_and_the_others_are_shown_together(
    several: Several, run: Run
) -> None:
    several.execute("create schema sqp_us; create view sqp_us.weekly_summary as select 1 as a")
    done = run({"us": {}, "ca": {}, "uk": {}})
    assert states(done) == {
        "us": "failed",
        "ca": "success",
        "uk": "success",
        "together": "success",
        "finished": "upstream_failed",
    }
    assert done.state == "failed"
    assert shown(several) == ["ca", "uk"]
    several.execute("drop view sqp_us.weekly_summary")
    again = run({"us": {}, "ca": {}, "uk": {}})
    assert again.state == "success"
    assert shown(several) == ["ca", "uk", "us"]


def test_some_feeds_can_be_chosen_and_the_others_are_skipped(several: Several, run: Run) -> None:
    done = run({"us": {}, "ca": {}, "uk": {}}, feeds=["uk", "us"])
    assert states(done) == {
        "us": "success",
        "ca": "skipped",
        "uk": "success",
        "together": "success",
        "finished": "success",
    }
    assert done.state == "success"
    assert shown(several) == ["uk", "us"]


def test_the_form_refuses_a_feed_that_there_is_not(run: Run) -> None:
    with pytest.raises(ParamValidationError, match=r"'fr' is not one of \['ca', 'us'\]"):
        run({"us": {}, "ca": {}}, feeds=["fr"])


def test_feeds_of_two_connections_to_one_database_are_shown_together(
    several: Several, run: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ANOTHER_WAY", connection_to(several.dsn).replace("127.0.0.1", "localhost"))
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", connection_to(database))
    named = {
        "us": {},
        "ca": {"target": {"conn_id": "another_way"}},
        "uk": {"target": {"conn_id": "elsewhere"}},
        "fr": {"target": {"conn_id": "missing"}},
    }
    done = run(named)
    assert states(done) == {
        "us": "success",
        "ca": "success",
        "uk": "success",
        "fr": "failed",
        "together": "success",
        "finished": "upstream_failed",
    }
    assert shown(several) == ["ca", "us"]
    elsewhere = Several(database, several.prefix)
    assert shown(elsewhere) == ["uk"]


def test_views_that_cannot_be_written_make_the_run_red(several: Several, run: Run) -> None:
    several.execute("create schema sqp_all; create table sqp_all.theirs (a int)")
    done = run({"us": {}})
    assert states(done) == {"us": "success", "together": "failed", "finished": "upstream_failed"}
    assert done.state == "failed"


def test_taking_over_takes_the_views_too(several: Several, run: Run) -> None:
    run({"us": {}})
    mark = "select obj_description('sqp_all'::regnamespace, 'pg_namespace')"
    ((before,),) = several.execute(mark)
    several.execute(f"comment on schema sqp_all is '{before.replace('airflow.example.com', 'b.example.com')}'")
    assert states(run({"us": {}}))["together"] == "failed"
    assert run({"us": {}}, take_over=True).state == "success"
    assert several.execute(mark) == [(before,)]


def test_a_single_feed_is_migrated_as_ever(airflow: AirflowRuns) -> None:
    assert airflow.parse().dags["sqp_migrate"].task_ids == ["migrate"]
    assert list(airflow.parse().dags["sqp_migrate"].params) == ["take_over"]
    assert airflow.states(airflow.run("sqp_migrate")) == {"migrate": "success"}


def test_a_schema_of_another_airflow_keeps_the_version_that_its_code_expects(several: Several, run: Run) -> None:
    run({"us": {}})
    owner = "airflow = 'https://b.example.com', airflow_since = now(), files = 'older'"
    several.execute(f"update sqp_us.schema_state set {owner}")
    assert states(run({"us": {}}))["us"] == "failed"
    assert several.execute("select files from sqp_us.schema_state") == [("older",)]
    assert run({"us": {}}, take_over=True).state == "success"
    assert several.execute("select files = 'older', airflow from sqp_us.schema_state") == [
        (False, "https://airflow.example.com")
    ]
