"""How our tasks fail: without a retry if none can help, and with their error passed on to ``sync_log``."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from airflow.sdk import Context
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowRuntimeError,
)

from sqp_provider.core.errors import ConnectionMissing, SyncError
from sqp_provider.core.failure import Failure
from sqp_provider.task_log import say_without_traceback

STAGE_ERROR = "stage_error"
"""The XCom key under which a failed stage passes its error to log_finish."""

TRACEBACK_LINES = 12

_CONNECT = (
    "The target is unchanged. Create the connection in Airflow, or as AIRFLOW_CONN_<ITS NAME> in the worker's "
    "environment, or correct conn_id in sqp_config.yaml."
)

P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", bound=Exception)


class ExplainedFailure(AirflowFailException):
    """A failure whose message says what happened and what to do. It is not retried."""


class ExplainedOutage(AirflowException):
    """The same for an outage, which Airflow retries."""


class TableStale(ExplainedFailure):
    """The table was checked, and it is stale."""


class SyncFailed(ExplainedFailure):
    """The run failed. Its row in ``sync_log`` and its alert already say so."""


def fails_plainly(execute: Callable[P, R]) -> Callable[P, R]:
    """Make a task fail without a retry if its error cannot heal, and with retries if it can.

    If the error is one of ours, the task's log says it in short lines without a traceback.
    """

    @functools.wraps(execute)
    def explained(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return execute(*args, **kwargs)
        except AirflowNotFoundException as error:
            missing = ConnectionMissing(f"{error}. {_CONNECT}")
            raise _said(ExplainedFailure(str(missing))) from missing
        except SyncError as error:
            raise _said((ExplainedOutage if error.heals else ExplainedFailure)(str(error))) from error
        except (ExplainedFailure, ExplainedOutage) as error:
            say_without_traceback(error)
            raise

    return explained


def _said(error: E) -> E:
    say_without_traceback(error)
    return error


def answer_of(error: AirflowRuntimeError) -> str:
    """Return what Airflow's API server answered: ``DAG_NOT_FOUND, status 404``. The error itself prints a dict."""
    status = (error.error.detail or {}).get("status_code")
    return error.error.error.value + (f", status {status}" if status else "")


def leave_error(context: Context) -> None:
    """Pass a failed stage's error to log_finish.

    This is an ``on_failure_callback``, which Airflow runs before the teardown.
    """
    ti: Any = context["ti"]
    ti.xcom_push(key=STAGE_ERROR, value=failure_of(ti, context.get("exception")).details)


def failure_of(ti: Any, raised: Any) -> Failure:
    """Return why a task failed. If Airflow's exception wraps one of ours, ours is the reason, without a traceback."""
    error = raised if isinstance(raised, BaseException) else None
    if error is not None and isinstance(error.__cause__, SyncError):
        of_ours = Failure.of(ti.task_id, error.__cause__)
        return of_ours.model_copy(update={"try_number": ti.try_number, "log_url": ti.log_url})
    return Failure(
        stage=ti.task_id,
        type=type(error).__name__ if error is not None else "Unknown",
        message=str(raised) or "no message",
        traceback=traceback.format_exception(error)[-TRACEBACK_LINES:] if error is not None else (),
        try_number=ti.try_number,
        log_url=ti.log_url,
    )
