"""What a sync costs, by the database's own counters: nothing here is timed, so nothing here depends on the machine."""

from __future__ import annotations

import threading
import weakref
from functools import partial
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException
from google.cloud.bigquery_storage_v1 import BigQueryReadClient

from sqp_provider.core.snapshot import Snapshot
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.source.snapshot_reader import SnapshotReader
from sqp_provider.target.encoding import encoded
from sqp_provider.target.staging import Staging
from sqp_provider.target.sync_log import SyncLog
from tests.fixtures import settings_for
from tests.google_server import GoogleServer
from tests.landing import WEEK, Landing, report_row
from tests.stages import Run, Stages

ROWS = 2_000
CHANGED = 20
ASINS = 4
MESSAGES = 25
PROBED = 7


class Counters:
    """Rows read and written so far, of every table that ever was under one of these names."""

    def __init__(self, stages: Stages) -> None:
        self.stages = stages
        self.probes = 0
        stages.query("drop table if exists public.probe")
        stages.query(f"create table public.probe as select generate_series(1, {PROBED})")
        self.before: dict[int, dict[str, Any]] = {}
        self.begin()

    def begin(self) -> None:
        """Count from here."""
        self.before = self._read()

    def of(self, *schemas: str, like: str = "weekly_summary%") -> dict[str, int]:
        """Rows read by scans and rows written, since the beginning, in the weekly tables of some schemas."""
        sums = {"scanned": 0, "looked_up": 0, "written": 0}
        for relation, row in self._read().items():
            if row["schemaname"] in schemas and row["relname"].startswith(like.rstrip("%")):
                before = self.before.get(relation, {})
                for name in sums:
                    sums[name] += row[name] - before.get(name, 0)
        return sums

    def _read(self) -> dict[int, dict[str, Any]]:
        self.stages.query("select count(*) from public.probe")
        self.probes += 1
        self._until_everyone_left()
        rows = self.stages.query(
            "select relid, schemaname, relname, seq_tup_read as scanned, coalesce(idx_tup_fetch, 0) as looked_up,"
            " n_tup_ins + n_tup_upd + n_tup_del as written from pg_stat_user_tables"
        )
        # A session that ended before this one is counted if this one is: without the probe, a zero would prove nothing.
        (probe,) = [row for row in rows if row["relname"] == "probe"]
        assert probe["scanned"] == PROBED * self.probes, "the server has not counted what ended"
        return {row["relid"]: row for row in rows}

    def _until_everyone_left(self) -> None:
        """A client reports its statistics when it disconnects."""
        while self.stages.query(
            "select 1 as here from pg_stat_activity where datname = current_database()"
            " and backend_type in ('client backend', 'parallel worker') and pid <> pg_backend_pid()"
        ):
            pass


@pytest.fixture
def week(landing: Landing) -> Landing:
    """A week of 2,000 rows, four ASINs of 500 queries each."""
    land_week(landing, ROWS)
    return landing


def land_week(landing: Landing, rows: int, first_day: str = str(WEEK)) -> None:
    values = report_row("query", week=type(WEEK).fromisoformat(first_day))
    fixed = ", ".join(f"{values[name]!r}" for name in list(values)[4:-1])
    landing.client.query_and_wait(
        f"insert into {landing.table} select date '{first_day}', date_add(date '{first_day}', interval 6 day),"
        f" concat('B00TEST00', cast(mod(number, 4) as string)), concat('query ', cast(div(number, 4) as string)),"
        f" {fixed}, timestamp '2026-11-18 06:00:00' from unnest(generate_array(0, {rows - 1})) as number"
    )


def restate(landing: Landing, rows: int) -> None:
    landing.client.query_and_wait(
        f"insert into {landing.table} select * replace (asin_click_count + 1 as asin_click_count,"
        f" timestamp '2026-11-25 06:00:00' as ingested_at) from {landing.table}"
        f" where start_date = '{WEEK}' order by search_query, asin limit {rows}"
    )


def begin(stages: Stages, *before: str) -> Run:
    """A run that has done these tasks."""
    stages.runs += 1
    period = {"period_start": str(WEEK), "force": False, "allow_empty": False, "dry_run": False}
    run = Run(f"manual__{stages.runs}", period | {"max_delete_fraction": None})
    for task in before:
        assert stages.run_task(run, task), run.errors
    return run


def test_a_first_load_writes_each_row_once_and_reads_it_twice_to_validate(week: Landing, stages: Stages) -> None:
    stages.query(
        "insert into synced_period (sync_type, period_start, period_end, state) values"
        " ('monthly', '2026-11-01', '2026-11-30', 'synced'), ('quarterly', '2026-10-01', '2026-12-31', 'synced')"
    )
    run = begin(stages, "log_start", "extract")

    counters = Counters(stages)
    assert stages.run_task(run, "load"), run.errors
    assert counters.of("sqp_staging")["written"] == ROWS
    assert counters.of("sqp") == {"scanned": 0, "looked_up": 0, "written": 0}

    counters.begin()
    assert stages.run_task(run, "validate"), run.errors
    scans = 2 * ROWS + 1  # for the sums and for the ASINs; and a row that says which snapshot is staged
    assert counters.of("sqp_staging") == {"scanned": scans, "looked_up": 0, "written": ASINS}

    counters.begin()
    assert stages.run_task(run, "publish"), run.errors
    assert run["publish"]["how"] == "attached"
    snapshots = 2  # whose rows are staged is asked for before and with the last transaction
    found = counters.of("sqp", "sqp_staging")
    assert (found["looked_up"], found["written"]) == (0, 0)
    assert snapshots <= found["scanned"] <= snapshots + 3 * ASINS  # the rows themselves are not read again


def test_a_sync_again_writes_only_what_was_restated(week: Landing, stages: Stages) -> None:
    stages.sync("2026-11-08")

    run = begin(stages, "log_start", "extract")
    counters = Counters(stages)
    assert not stages.run_task(run, "load")
    assert run.states["load"] == "skipped"
    assert counters.of("sqp", "sqp_staging")["written"] == 0
    assert counters.of("sqp", "sqp_staging", like="")["written"] == 3  # sync_log's row twice, the ledger's once

    restate(week, CHANGED)
    run = begin(stages, "log_start", "extract", "load", "validate")
    counters.begin()
    assert stages.run_task(run, "publish"), run.errors
    assert (run["publish"]["how"], run["publish"]["updated"]) == ("difference", CHANGED)
    for table in ("weekly_summary", "monthly_summary", "quarterly_summary"):
        assert counters.of("sqp", like=table)["written"] == CHANGED
    target = counters.of("sqp")
    scans = 2 * ROWS + 2 + ASINS  # compared and counted
    assert counters.of("sqp_staging") == {"scanned": scans, "looked_up": 0, "written": 0}
    assert ROWS <= target["scanned"] + target["looked_up"] <= ROWS + 4 * CHANGED


def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[int] = []
    real = psycopg.Cursor.execute
    monkeypatch.setattr(psycopg.Cursor, "execute", lambda *a, **k: statements.append(1) or real(*a, **k))
    counts = []
    for first_day, rows in (("2026-11-01", 20), ("2026-11-08", 20), ("2026-11-15", ROWS)):
        land_week(landing, rows, first_day)
        statements.clear()
        assert stages.sync(first_day).colour == "success"
        counts.append(len(statements))
    assert counts[1] == counts[2]


@pytest.fixture
def many_messages(google: GoogleServer) -> None:
    """The emulator sends 2,000 rows as one message, Google does not."""
    google.storage.rows_per_message = ROWS // MESSAGES


class Message(bytearray):
    """Rows as BigQuery sends them; unlike bytes it can be watched."""


@pytest.mark.usefixtures("many_messages")
def test_no_more_than_one_message_of_a_stream_is_held_while_rows_are_written(
    week: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(stages, "log_start", "extract")
    snapshot = Snapshot.model_validate(run["extract"])
    py_buffer = pa.py_buffer
    alive: set[int] = set()
    held: list[int] = []

    def watched(data: bytes) -> pa.Buffer:
        message = Message(data)
        alive.add(id(message))
        weakref.finalize(message, alive.discard, id(message))
        held.append(len(alive))
        return py_buffer(message)

    monkeypatch.setattr(pa, "py_buffer", watched)
    with SqpPostgresHook(stages.settings.target).transaction() as database:
        staging = Staging(database, SyncLog(database).read(run["log_start"]))
        staging.create(bigquery_sync_id="test")
        reader = SnapshotReader(stages.operator(run, "load").bigquery, snapshot.table)
        columns = staging.copied()
        types = staging.columns.types(columns)
        pieces = reader.accepted(columns, partial(encoded, types=types))
        assert staging.copy(pieces, columns) == ROWS
    assert len(held) >= MESSAGES
    assert max(held) <= 1 + 1  # and the schema, for a moment
    assert not alive


def test_a_load_opens_one_connection(week: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin(stages, "log_start", "extract")
    opened: list[psycopg.Connection[Any]] = []
    connect = psycopg.connect

    def noted(*args: Any, **kwargs: Any) -> psycopg.Connection[Any]:
        opened.append(connect(*args, **kwargs))
        return opened[-1]

    with monkeypatch.context() as patch:
        patch.setattr(psycopg, "connect", noted)
        patch.setattr(psycopg.Connection, "connect", noted)
        assert stages.run_task(run, "load"), run.errors
    assert len(opened) == 1
    assert opened[0].closed


def test_the_settings_say_how_many_streams_are_read(
    week: Landing, dataset: str, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: list[int] = []
    create_read_session = BigQueryReadClient.create_read_session

    def noted(self: BigQueryReadClient, **request: Any) -> Any:
        asked_for.append(request["max_stream_count"])  # the emulator makes one stream of 2,000 rows, however many
        return create_read_session(self, **request)

    monkeypatch.setattr(BigQueryReadClient, "create_read_session", noted)
    for read_streams in (1, 3):
        stages.settings = settings_for(week.table, dataset, source={"read_streams": read_streams})
        run = stages.sync("2026-11-08", force=True)
        assert (run.colour, run["load"]["rows"]) == ("success", ROWS)
    assert asked_for == [1, 3]
    assert len(stages.target()) == ROWS


@pytest.mark.usefixtures("many_messages")
def test_a_load_that_fails_hangs_up_on_bigquery(week: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that is merely forgotten keeps a thread here and a connection there."""
    run = begin(stages, "log_start", "extract")
    operator = stages.operator(run, "load")
    monkeypatch.setattr("sqp_provider.target.encoding.HEADER", b"no header of a COPY")
    with pytest.raises(AirflowFailException, match="COPY file signature not recognized"):
        operator.execute(run.context("load"))
    assert not [thread for thread in threading.enumerate() if thread.name.endswith("(_read)")]
