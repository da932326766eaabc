"""The command ``sqp`` where the configuration has several feeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sqp_provider.__main__ import main
from tests.fixtures import connection_to
from tests.several import AIRFLOW, US_AND_CA, Several, several_in

Configure = Callable[..., str]


@pytest.fixture
def several(server_dsn: str) -> Iterator[Several]:
    with several_in(server_dsn) as several:
        yield several


@pytest.fixture
def configure(several: Several, tmp_path: Path) -> Configure:
    """Write a configuration with the named feeds and return its path."""

    def write(named: dict[str, Any], **defaults: Any) -> str:
        path = tmp_path / "sqp_config.yaml"
        path.write_text(yaml.safe_dump(several.configuration(named, **defaults), sort_keys=False))
        return str(path)

    return write


def migrated(several: Several) -> list[str]:
    """The feeds that have a schema of ours."""
    tables = (
        "select nspname from pg_class join pg_namespace as n on n.oid = relnamespace where relname = 'schema_state'"
    )
    found = several.execute(f"{tables} order by nspname")
    return [name.removeprefix(f"{several.prefix}_") for (name,) in found]


def shown(several: Several) -> list[str]:
    """The feeds that the views have: each has periods to be summed from the weeks of this row."""
    for feed in migrated(several):
        several.execute(
            f"insert into sqp_{feed}.sync_log (sync_type, sync_status, source_table, target_table) "
            "values ('weekly', 'completed', 'a', 'b')"
        )
    return [feed for (feed,) in several.execute("select distinct feed from sqp_all.sync_log order by 1")]


def test_migrate_migrates_each_feed_and_then_the_views_over_all(several: Several, configure: Configure) -> None:
    config = configure(US_AND_CA)
    assert main(["migrate", "--dsn", several.dsn, "--config", config]) == 0
    assert migrated(several) == shown(several) == ["ca", "us"]


def test_a_feed_that_fails_keeps_no_other_from_being_migrated_and_each_error_names_its_feed(
    several: Several, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    several.execute("create schema sqp_us; create view sqp_us.weekly_summary as select 1 as a")
    config = configure(US_AND_CA | {"uk": {}, "fr": {"source": {"tabel": "a.b"}}})
    assert main(["migrate", "--dsn", several.dsn, "--config", config]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith(("feed ", "views "))]
    assert [line.split(":")[0] for line in said] == ["feed us", "feed fr"]
    assert f"Schema {several.schema('us')} cannot be migrated as it is. The target is unchanged." in said[0]
    assert "feeds.fr.source.tabel" in said[1]
    assert migrated(several) == shown(several) == ["ca", "uk"]


def test_without_a_dsn_each_feed_is_reached_over_its_own_connection(
    several: Several, configure: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SQP_POSTGRES_DSN")
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(several.dsn))
    monkeypatch.setenv("AIRFLOW_CONN_ANOTHER_WAY", connection_to(several.dsn).replace("127.0.0.1", "localhost"))
    monkeypatch.setenv("AIRFLOW_CONN_DOWN", '{"conn_type": "postgres", "host": "127.0.0.1", "port": 1}')
    named = {
        "us": {},
        "ca": {"target": {"conn_id": "down", "migrate_conn_id": "another_way"}},
        "uk": {"target": {"conn_id": "nowhere"}},
        "fr": {"target": {"conn_id": "down"}},
    }
    assert main(["migrate", "--config", configure(named)]) == 1
    uk, fr = (line for line in capsys.readouterr().err.splitlines() if line.startswith("feed "))
    assert uk.startswith("feed uk: The conn_id `nowhere` isn't defined")
    assert uk.endswith("or correct target.conn_id in feeds.uk of sqp_config.yaml.")
    assert fr.startswith("feed fr: a statement over Postgres connection down did not succeed: ")
    assert fr.endswith("The target is unchanged. Put that right and repeat the command.")
    assert migrated(several) == shown(several) == ["ca", "us"]


def test_one_dsn_is_refused_for_feeds_of_several_connections(
    several: Several, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configure({"us": {}, "ca": {"target": {"conn_id": "canada"}}})
    command = ["migrate", "--dsn", several.dsn, "--config", config]
    assert main(command) == 1
    assert "these feeds have the connections sqp_postgres, canada. Nothing was changed." in capsys.readouterr().err
    assert migrated(several) == []
    assert main([*command, "--feed", "ca"]) == 0
    assert main([*command, "--feed", "us"]) == 0
    assert migrated(several) == shown(several) == ["ca", "us"]


def test_some_feeds_can_be_migrated_and_the_views_keep_the_others(
    several: Several, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    named = US_AND_CA | {"uk": {}, "fr": {}}
    command = ["migrate", "--dsn", several.dsn, "--config", configure(named), "--feed", "uk"]
    assert main([*command, "--feed", "us"]) == 0
    assert migrated(several) == ["uk", "us"]
    assert main(command) == 0
    assert shown(several) == ["uk", "us"]
    assert main([*command, "--feed", "es"]) == 1
    assert "has the feeds us, ca, uk, fr. There is no feed es." in capsys.readouterr().err


def test_what_only_fits_a_single_feed_is_refused(
    several: Several, configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["migrate", "--dsn", several.dsn, "--config"]
    assert main([*command, configure(US_AND_CA), "--schema", "client"]) == 1
    assert "has several feeds, each with a schema of its own. Nothing was changed." in capsys.readouterr().err
    single = tmp_path / "single.yaml"
    single.write_text("source: {table: amazon.report}")
    assert main([*command, str(single), "--feed", "us"]) == 1
    assert "has no feeds, so there is no feed us. Leave the name out." in capsys.readouterr().err
    assert migrated(several) == []
    with pytest.raises(SystemExit) as exited:
        main(["migrate", "--dsn", several.dsn, "--feed", "us"])
    assert exited.value.code == 2


def test_views_that_cannot_be_written_are_an_error_of_their_own(
    several: Several, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    several.execute("create schema sqp_all; create table sqp_all.theirs (a int)")
    assert main(["migrate", "--dsn", several.dsn, "--config", configure(US_AND_CA)]) == 1
    assert f"views over all feeds: Schema {several.schema('all')} was not made by SQP Sync" in capsys.readouterr().err
    assert migrated(several) == ["ca", "us"]


def test_a_feed_and_the_views_can_be_taken_over(several: Several, configure: Configure) -> None:
    config, other = configure(US_AND_CA), "https://b.example.com"
    assert main(["migrate", "--dsn", several.dsn, "--config", config]) == 0
    command = ["take-over", "--dsn", several.dsn, "--config", config, "--airflow", other]
    for feed in ("us", "ca"):
        assert main([*command, "--feed", feed]) == 0
    assert several.execute("select airflow, feed from sqp_us.schema_state") == [(other, "us")]
    assert main([*command, "--schema", several.schema("all")]) == 0
    theirs = configure(US_AND_CA, airflow=other)
    assert main(["migrate", "--dsn", several.dsn, "--config", theirs]) == 0
    assert shown(several) == ["ca", "us"]


def test_take_over_asks_which_feed(several: Several, configure: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["take-over", "--dsn", several.dsn, "--config", configure(US_AND_CA), "--airflow", AIRFLOW]
    assert main(command) == 1
    assert "has the feeds us, ca. Name one of them." in capsys.readouterr().err


def test_the_doctor_examines_each_feed_under_its_name(
    several: Several, configure: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(several.dsn))
    several.migrate(several.feeds(US_AND_CA), "us")
    config = configure(US_AND_CA | {"fr": {"owner": ""}}, source={"table": "nowhere.report"})
    assert main(["doctor", "--config", config, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert list(dict.fromkeys(finding["feed"] for finding in found)) == ["us", "ca", "fr"]
    verdicts = {(finding["feed"], finding["name"]): finding["verdict"] for finding in found}
    assert verdicts["us", "schema revision"] == "good"
    assert verdicts["ca", "schema revision"] == "warning"
    assert [finding for finding in found if finding["feed"] == "fr"] == [
        {
            "feed": "fr",
            "section": "Configuration",
            "name": "settings",
            "verdict": "failed",
            "found": "feeds.fr.owner: String should have at least 1 character, found ''",
            "advice": f"Correct {config}. There are no Dags of this feed until then.",
        }
    ]
    assert main(["doctor", "--config", config, "--feed", "ca", "--feed", "fr"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("Feed ca\nAirflow\n")
    assert "\n\nFeed fr\nConfiguration\n  FAIL  settings" in said
    assert "Feed us" not in said
