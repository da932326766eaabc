"""Two feeds of one table in one database, or of two, never touch what is the other's."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException
from psycopg import errors as postgres_errors

from sqp_provider.assets import outlet, published
from sqp_provider.core.errors import SchemaOwned
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.doctor import Doctor
from sqp_provider.notifications.alerts import notify_overdue
from sqp_provider.operators.migrate import SchemaMigrateOperator
from sqp_provider.operators.owner import owner_of
from sqp_provider.operators.retention import RetentionOperator
from sqp_provider.operators.stale_runs import StaleRunsOperator
from sqp_provider.sync import overdue
from sqp_provider.triggers.bigquery_job import BigQueryJobTrigger
from tests.conftest import new_database
from tests.feeds import Several, feeds_over
from tests.fixtures import connection_to, settings_for
from tests.google_server import JOBS, GoogleServer
from tests.landing import COLUMNS, WEEK, Landing, report_row
from tests.logins import logins
from tests.restatements import check
from tests.stages import Run, Stages
from tests.webhook import Webhook

US, CA, EU = "acme_us", "acme_ca", "acme_eu"
QUERIES = "/bigquery/v2/projects/[^/]+/queries"


def land_and_sync(several: Several, *names: str, week: date = WEEK) -> None:
    """Land a row of each feed, whose query is the feed's name, and sync it."""
    for name in names:
        several.parts[name].land(report_row(name, week=week))
    for name in names:
        run = several.stages[name].sync(week)
        assert run.colour == "success", run.errors


def queries(stages: Stages) -> list[str]:
    """The queries of a feed's weeks."""
    return [row["query"] for row in stages.target()]


def with_settings(stages: Stages, **sections: Any) -> Settings:
    """The feed's settings with other sections."""
    return Settings.checked(stages.settings.model_dump(by_alias=True) | sections, origin="test")


def day_of(stages: Stages, running: set[str] | None = None) -> Any:
    """The context of a daily task; it notes what Airflow is asked for."""
    context: Any = Run("daily", {}, feed=stages.settings.feed, running=running or set()).context("daily")
    asked: list[str] = []
    count = context["ti"].get_dr_count

    def get_dr_count(**about: Any) -> int:
        asked.append(about["dag_id"])
        return int(count(**about))

    context["ti"].asked, context["ti"].get_dr_count = asked, get_dr_count
    return context


def test_each_feed_has_its_own_rows_of_one_table(three: Several) -> None:
    three.parts[EU].land(report_row("de"), report_row("fr"))
    land_and_sync(three, US, CA)
    assert three.stages[EU].sync(WEEK).colour == "success"
    assert {name: queries(stages) for name, stages in three.stages.items()} == {
        US: ["acme_us"],
        CA: ["acme_ca"],
        EU: ["de", "fr"],
    }
    assert check(three.stages[US]) == check(three.stages[EU]) == []
    three.parts[CA].land(report_row("late"))
    assert [each["trigger_dag_id"] for each in check(three.stages[CA])] == ["sqp_weekly_sync__acme_ca"]
    assert check(three.stages[US]) == []


def test_a_feed_whose_locks_are_held_for_ever_delays_no_other(three: Several) -> None:
    """Also while a reader of the other's tables never ends."""
    land_and_sync(three, US, CA)
    with psycopg.connect(three.stages[CA].schema_dsn) as somebody:
        somebody.execute("select lock_periods('weekly', '2026-11-08')")
        somebody.execute("lock table weekly_summary, monthly_summary, sync_log, synced_period in access exclusive mode")
        three.parts[US].land(report_row("more"))
        assert three.stages[US].sync(WEEK).colour == "success"
    assert queries(three.stages[US]) == ["acme_us", "more"]


def test_the_lock_of_a_period_is_that_of_its_feed(three: Several) -> None:
    lock = "select period_lock('weekly', '2026-11-08') as lock"
    assert len({stages.query(lock)[0]["lock"] for stages in three.stages.values()}) == 3


def test_runs_with_the_same_numbers_and_times_have_snapshots_of_their_own(three: Several) -> None:
    runs = {name: stages.new_run(WEEK) for name, stages in three.stages.items()}
    for name, stages in three.stages.items():
        three.parts[name].land(report_row(name))
        assert stages.run_task(runs[name], "log_start")
        stages.query("update sync_log set started_at = '2026-11-19 00:00:00+00'")
    for name, stages in three.stages.items():
        stages.follow_start(runs[name])
        assert runs[name].colour == "success", runs[name].errors
    assert {run["log_start"] for run in runs.values()} == {1}
    assert len({run["extract"]["job_id"] for run in runs.values()}) == 3
    assert {name: queries(stages) for name, stages in three.stages.items()} == {name: [name] for name in runs}


def test_an_alert_says_whose_it_is_and_is_sent_and_resolved_for_its_feed_alone(
    three: Several, webhook: Webhook
) -> None:
    for stages in three.stages.values():
        stages.settings = with_settings(stages, alerts={"conn_id": "sqp_alerts"})
    us, ca = three.stages[US], three.stages[CA]
    week = "weekly 2026-11-08..2026-11-14"
    for stages in (us, ca, us, ca):
        stages.sync(WEEK)
    failed = f"SQP sync failed: {week}"
    again = f"{failed} (second failure in a row)"
    assert webhook.titles() == [f"acme_us: {failed}", f"acme_ca: {failed}", f"acme_us: {again}", f"acme_ca: {again}"]
    land_and_sync(three, US)
    assert webhook.titles()[4:] == [f"acme_us: SQP sync recovered: {week}"]
    is_open = "select distinct subject from sent_alert where resolved_at is null and kind = 'failed'"
    assert (us.query(is_open), ca.query(is_open)) == ([], [{"subject": week}])


def test_a_late_run_is_said_to_be_of_its_feed(three: Several, webhook: Webhook) -> None:
    stages = three.stages[CA]
    stages.settings = with_settings(stages, alerts={"conn_id": "sqp_alerts"})
    assert stages.run_task(stages.new_run(WEEK), "log_start")
    deadline = overdue(stages.settings)
    assert deadline is not None
    sent: dict[str, Any] = json.loads(json.dumps(deadline.callback.kwargs))
    run = {"dag_id": "sqp_weekly_sync__acme_ca", "dag_run_id": "manual__1", "state": "running", "run_type": "manual"}
    notify_overdue({"dag_run": run}, **sent)
    assert webhook.titles() == ["acme_ca: SQP sync running long: sqp_weekly_sync__acme_ca"]
    other = three.stages[US].settings.target
    assert sent["settings"]["target"]["schema"] != other.schema_name


def test_the_assets_of_feeds_have_names_and_addresses_of_their_own(three: Several) -> None:
    schemas = [stages.settings.target.schema_name for stages in three.stages.values()]
    assets = [published(sync_type, schema) for schema in schemas for sync_type in SyncType]
    assert len({asset.name for asset in assets}) == len({asset.uri for asset in assets}) == 9
    assert len({outlet(sync_type, schema).name for schema in schemas for sync_type in SyncType}) == 9
    three.parts[US].land(report_row("q"))
    run = three.stages[US].new_run(WEEK)
    for task in ("log_start", "extract", "load", "validate", "publish"):
        assert three.stages[US].run_task(run, task)
    (event,) = run.events[outlet(SyncType.WEEKLY, "sqp_acme_us")].asset_alias_events
    assert event.dest_asset_key.uri == "x-sqp://sqp_acme_us/weekly_summary"


def test_every_job_and_query_is_labelled_with_its_feed(three: Several, google: GoogleServer) -> None:
    land_and_sync(three, US)
    three.stages[CA].sync(WEEK)  # empty: near misses are looked for
    check(three.stages[EU])
    labels = [each.body["configuration"]["labels"] for each in google.asked(JOBS)]
    labels += [each.body["labels"] for each in google.asked(f"POST {QUERIES}")]
    found = {(each["feed"], each["purpose"]) for each in labels}
    assert found == {
        *((US, purpose) for purpose in ("extract", "totals")),
        *((CA, purpose) for purpose in ("extract", "totals", "near-misses")),
        (EU, "restatements"),
    }


def leave_dead(stages: Stages, **options: Any) -> Run:
    """Leave a run whose scheduler died an hour ago, with its staged table."""
    run = stages.new_run(WEEK, **options)
    for task in ("log_start", "extract", "load"):
        assert stages.run_task(run, task)
    stages.query("update sync_log set started_at = now() - interval '1 hour' where run_id = %s", run.run_id)
    return run


def test_a_feed_closes_its_own_dead_runs_and_asks_airflow_of_its_own_dags(three: Several) -> None:
    for name in (US, CA):
        three.parts[name].land(report_row(name))
        leave_dead(three.stages[name])
    us, before = three.stages[US], three.untouched(CA, EU)
    context = day_of(us)
    assert StaleRunsOperator(task_id="close_stale_runs", settings=us.settings).execute(context) == [1]
    assert context["ti"].asked == ["sqp_weekly_sync__acme_us"]
    assert three.untouched(CA, EU) == before
    assert three.stages[CA].query("select sync_status from sync_log") == [{"sync_status": "started"}]
    assert "trigger sqp_weekly_sync__acme_us with period_start 2026-11-08" in us.query(
        "select error_message from sync_log"
    )[0]["error_message"]  # fmt: skip


def test_what_one_feed_no_longer_keeps_another_does(three: Several) -> None:
    old = date(2025, 1, 5)
    land_and_sync(three, US, CA, week=old)
    us, before = three.stages[US], three.untouched(CA, EU)
    settings = with_settings(us, retention={"summary_weeks": 52})
    deleted = RetentionOperator(task_id="delete_old", settings=settings).execute(day_of(us))
    assert (deleted["periods"], deleted["summary_rows"], queries(us)) == (3, 3, [])
    assert three.untouched(CA, EU) == before
    assert queries(three.stages[CA]) == ["acme_ca"]


@pytest.mark.parametrize("group", ["reader", "writer", "owner"])
def test_a_member_of_a_feeds_group_sees_nothing_of_another_feed(three: Several, group: str) -> None:
    land_and_sync(three, US, CA)
    with logins(three.dsn) as login, psycopg.connect(login(f"sqp_acme_us_{group}"), autocommit=True) as member:
        assert member.execute("select query from sqp_acme_us.weekly_summary").fetchall() == [("acme_us",)]
        relations = member.execute(
            "select format('%I.%I', n.nspname, c.relname) from pg_class as c join pg_namespace as n"
            " on n.oid = c.relnamespace where n.nspname in ('sqp_acme_ca', 'sqp_acme_ca_staging') and relkind <> 'i'"
        ).fetchall()
        assert len(relations) > 20
        for (relation,) in relations:
            with pytest.raises(postgres_errors.InsufficientPrivilege):
                member.execute(f"select * from {relation}".encode())
        for call in ("sqp_acme_ca.check_data_freshness()", "sqp_acme_ca.delete_period('weekly', '2026-11-08')"):
            with pytest.raises(postgres_errors.InsufficientPrivilege):
                member.execute(f"select {call}".encode())


def test_a_login_of_one_feeds_writers_syncs_that_feed_and_is_refused_by_another(
    three: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    three.parts[CA].land(report_row("q"))
    with logins(three.dsn) as login:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(login("sqp_acme_us_writer")))
        land_and_sync(three, US)
        refused = three.stages[CA].sync(WEEK)
    assert "permission denied for schema sqp_acme_ca" in str(refused.errors["log_start"])
    assert queries(three.stages[CA]) == []


def test_a_schema_that_two_feeds_reach_over_two_connections_is_refused_to_the_second(
    three: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_and_sync(three, US)
    monkeypatch.setenv("AIRFLOW_CONN_SQP_SECOND", connection_to(three.dsn))
    target = {"conn_id": "sqp_second", "schema": "sqp_acme_us"}
    other = Stages(with_settings(three.stages[CA], target=target), three.dsn)
    before = three.untouched(US)
    refused = other.sync(WEEK).errors["log_start"]
    assert isinstance(refused.__cause__, SchemaOwned)
    assert "schema sqp_acme_us belongs to feed acme_us of Airflow http" in str(refused)
    assert "but this is feed acme_ca of Airflow http" in str(refused)
    assert "If both are wanted, give this one another target.schema in sqp_config.yaml." in str(refused)
    for operator in (StaleRunsOperator, RetentionOperator):
        with pytest.raises(AirflowFailException, match="belongs to feed acme_us of Airflow"):
            operator(task_id="daily", settings=other.settings).execute(day_of(other))
    assert three.untouched(US) == before


def test_a_renamed_feed_is_refused_until_it_takes_its_schema_over_and_then_has_its_history(three: Several) -> None:
    land_and_sync(three, US)
    renamed = Stages(with_settings(three.stages[US], feed="acme_usa"), three.dsn)
    renamed.runs = three.stages[US].runs
    refused = str(renamed.sync(WEEK).errors["log_start"])
    assert "If that feed was renamed, run 'sqp take-over --airflow http" in refused
    assert "--feed acme_usa --schema sqp_acme_us' (or trigger the Dag sqp_migrate with take_over and feeds " in refused
    taking = SchemaMigrateOperator(task_id="migrate", settings=renamed.settings)
    assert taking.execute(Run("take", {"take_over": True}).context("migrate")) == []
    again = renamed.sync(WEEK)
    assert (again.colour, again.states["publish"]) == ("success", "skipped")
    assert queries(renamed) == ["acme_us"]
    old = three.stages[US].sync(WEEK)
    assert "belongs to feed acme_usa of Airflow" in str(old.errors["log_start"])


@pytest.fixture
def grown(landing: Landing, dataset: str, stages: Stages) -> tuple[Stages, Stages]:
    """A single feed with a synced week that became one of three: as it was, and as it is, in the same schema."""
    landing.create(COLUMNS | {"country": "STRING"})
    landing.land(report_row("q") | {"country": "US"})
    source = {"where": {"country": ["US"]}, "same_feed": ["country"]}
    single = Stages(settings_for(landing.table, dataset, source=source), stages.dsn)
    assert single.sync(WEEK).colour == "success"
    feeds = feeds_over(landing.table, dataset, {US: {"target": {"schema": "sqp"}}})
    several = Stages(feeds.of(US), stages.dsn)
    several.runs = single.runs
    return single, several


def test_a_single_feed_that_becomes_one_of_several_keeps_its_schema_and_syncs_nothing_again(
    grown: tuple[Stages, Stages],
) -> None:
    single, several = grown
    ledger = "select sync_type, state, fingerprint from synced_period order by 1"
    before = several.query("select * from weekly_summary"), several.query(ledger)
    assert check(several) == []
    run = several.sync(WEEK)
    assert (run.colour, run.states["publish"]) == ("success", "skipped")
    assert (several.query("select * from weekly_summary"), several.query(ledger)) == before
    assert [row["dag_id"] for row in several.query("select dag_id from sync_log order by id")] == [
        "sqp_weekly_sync",
        "sqp_weekly_sync__acme_us",
    ]
    refused = str(single.sync(WEEK).errors["log_start"])
    assert "schema sqp belongs to feed acme_us of Airflow" in refused


def test_the_dead_runs_of_a_single_feed_are_closed_after_it_became_one_of_several(
    grown: tuple[Stages, Stages],
) -> None:
    single, several = grown
    dead = leave_dead(single, force=True)
    context = day_of(several)
    closing = StaleRunsOperator(task_id="close_stale_runs", settings=several.settings)
    assert closing.execute(day_of(several, running={dead.run_id})) == []
    assert closing.execute(context) == [dead["log_start"]]
    assert context["ti"].asked == ["sqp_weekly_sync"]
    assert several.query("select tablename from pg_tables where schemaname = 'sqp_staging'") == []


def test_a_run_of_a_dag_that_is_gone_is_closed_after_a_day_although_airflow_calls_it_running(
    grown: tuple[Stages, Stages],
) -> None:
    """Airflow starts no task of a Dag without a file, and never says that its run has ended."""
    single, several = grown
    dead = leave_dead(single, force=True)
    closing = StaleRunsOperator(task_id="close_stale_runs", settings=several.settings)

    def closed(age: str, states: dict[str, str | None]) -> list[int]:
        several.query("update sync_log set started_at = now() - %s::interval where run_id = %s", age, dead.run_id)
        context = day_of(several, running={dead.run_id})
        context["ti"].get_task_states = lambda dag_id, run_ids: {dead.run_id: states}
        return closing.execute(context)

    between = {"load": "success", "validate": None}
    assert closed("23 hours", between) == []
    assert closed("25 hours", {"load": "running", "validate": None}) == []
    assert closed("25 hours", between) == [dead["log_start"]]
    message = several.log(dead)["error_message"]
    assert f"but no task of run {dead.run_id} of sqp_weekly_sync is running in Airflow" in message
    assert "and sqp_weekly_sync__acme_us syncs this table now. See sqp.period_status for what is published." in message
    assert message.endswith("Trigger sqp_weekly_sync__acme_us with period_start 2026-11-08.")


def test_feeds_may_lie_in_two_databases(
    three: Several, server_dsn: str, feeds_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_database(server_dsn, template=feeds_template) as second:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_SECOND", connection_to(second))
        target = {"conn_id": "sqp_second", "schema": "sqp_acme_ca"}
        three.stages[CA] = Stages(with_settings(three.stages[CA], target=target), second)
        before = three.untouched(CA, EU)
        land_and_sync(three, US, CA)
        assert three.untouched(CA, EU) == before  # of the first database
        assert (queries(three.stages[US]), queries(three.stages[CA])) == ([US], [CA])


def test_feeds_may_lie_in_two_projects_and_locations(
    three: Several, dataset: str, google: GoogleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs of a feed run in its project and location, with its connection; its snapshots are there too."""
    client, european_dataset = three.parts[EU].client, f"{dataset}_eu"
    client.query_and_wait(f"create schema if not exists `acme-eu`.{european_dataset} options (location = 'EU')")
    with GoogleServer() as european:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_EUROPE", european.connection())
        source = three.stages[EU].settings.source.model_dump(by_alias=True) | {
            "conn_id": "sqp_europe",
            "project": "acme-eu",
            "staging_dataset": european_dataset,
            "location": "EU",
            "table": f"{client.project}.{three.parts[EU].table}",
        }
        three.stages[EU].settings = with_settings(three.stages[EU], source=source)
        land_and_sync(three, US, EU)
        jobs = european.asked(JOBS)
        assert {each.path for each in jobs} == {"/bigquery/v2/projects/acme-eu/jobs"}
        assert {each.body["jobReference"]["location"] for each in jobs} == {"EU"}
        written = [each.body["configuration"]["query"]["query"].split("\n")[0] for each in jobs]
        assert all(f"acme-eu.{european_dataset}.sqp_acme_eu_weekly_20261108_1_1_1_" in each for each in written), (
            written
        )
        assert {each.path for each in european.asked(f"POST {QUERIES}")} == {"/bigquery/v2/projects/acme-eu/queries"}
        settings = three.stages[EU].settings
        assert Doctor(settings, owner_of(settings), datetime.now(UTC)).source.hook.project_id == "acme-eu"
        path, arguments = BigQueryJobTrigger("sqp_europe", "job", "EU", project="acme-eu").serialize()
        assert path.endswith("BigQueryJobTrigger")
        assert BigQueryJobTrigger(**arguments).hook().project_id == "acme-eu"
    assert {each.path for each in google.asked(JOBS)} == {"/bigquery/v2/projects/sqp-demo/jobs"}
    client.delete_dataset(f"acme-eu.{european_dataset}", delete_contents=True)


def test_a_feed_without_rows_says_what_it_asks_for_and_what_the_table_has_and_the_others_sync(three: Several) -> None:
    land_and_sync(three, US, CA)
    run = three.stages[EU].sync(WEEK)
    assert (run.colour, queries(three.stages[US])) == ("failed", [US])
    assert "2 rows of this period are not what source.where or source.marketplace asks for" in str(
        run.errors["extract"]
    )
    assert "for example country CA; country US." in str(run.errors["extract"])
