"""The log of a task that fails for a reason we explain."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from sqp_provider.core.errors import SnapshotExpired, SourceUnreachable
from sqp_provider.failures import ExplainedFailure, ExplainedOutage, fails_plainly
from sqp_provider.task_log import lines

GONE = "snapshot a.b.c is gone. Snapshots expire after 48 hours. The target is unchanged. Clear 'extract'."


@pytest.fixture
def airflow_log() -> Iterator[LogCapture]:
    """What reaches the log of a task, after the processors; Airflow's own rest of the chain is left out."""
    configured, seen = structlog.get_config(), LogCapture()
    structlog.configure(processors=[seen], cache_logger_on_first_use=False)
    yield seen
    structlog.configure(**configured)


def fail(error: Exception) -> None:
    """Let a task fail as Airflow's task runner does."""
    log: Any = structlog.get_logger("task").bind()

    @fails_plainly
    def execute() -> None:
        raise error

    try:
        execute()
    except Exception:
        log.exception("Task failed with exception")


@pytest.mark.parametrize("kind", [SnapshotExpired, SourceUnreachable])
def test_an_error_of_ours_is_said_in_short_lines_and_what_to_do_comes_last(
    kind: type[Exception], airflow_log: LogCapture, caplog: pytest.LogCaptureFixture
) -> None:
    fail(kind(GONE))
    assert caplog.messages == ["snapshot a.b.c is gone.", "Snapshots expire after 48 hours."]
    (last,) = airflow_log.entries
    assert last == {"event": "The target is unchanged. Clear 'extract'.", "log_level": "error"}


def test_an_error_that_nobody_foresaw_keeps_its_traceback(
    airflow_log: LogCapture, caplog: pytest.LogCaptureFixture
) -> None:
    fail(SnapshotExpired(GONE))
    fail(KeyError("rows"))
    assert airflow_log.entries[1] == {"event": "Task failed with exception", "log_level": "error", "exc_info": True}
    assert len(caplog.messages) == 2


def test_the_traceback_is_there_for_who_asks(airflow_log: LogCapture, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="airflow.task.sqp"):
        fail(SnapshotExpired(GONE))
    assert "Raised here:" in caplog.messages


@pytest.mark.parametrize(
    ("error", "raised"), [(SnapshotExpired, ExplainedFailure), (SourceUnreachable, ExplainedOutage)]
)
def test_only_an_outage_is_retried(error: type[Exception], raised: type[Exception]) -> None:
    @fails_plainly
    def execute() -> None:
        raise error(GONE)

    with pytest.raises(raised) as found:
        execute()
    assert str(found.value) == GONE


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            GONE,
            [
                "snapshot a.b.c is gone.",
                "Snapshots expire after 48 hours.",
                "The target is unchanged. Clear 'extract'.",
            ],
        ),
        ("weekly_summary is stale: 23 days old.", ["weekly_summary is stale: 23 days old."]),
        ("It failed. Run 'sqp migrate'.", ["It failed.", "Run 'sqp migrate'."]),
        ("gone. The target is unchanged.", ["gone.", "The target is unchanged."]),
    ],
)
def test_a_message_is_one_line_a_sentence(message: str, expected: list[str]) -> None:
    assert lines(message) == expected
