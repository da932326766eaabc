"""How our tasks fail: without a retry if none can help, and with their error passed on to ``sync_log``."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

from sqp_provider.core.errors import SyncError
from sqp_provider.core.failure import Failure

STAGE_ERROR = "stage_error"
"""The XCom key under which a failed stage passes its error to log_finish."""

TRACEBACK_LINES = 12

P = ParamSpec("P")
R = TypeVar("R")


class TableStale(AirflowFailException):
    """The table was checked, and it is stale."""


class SyncFailed(AirflowFailException):
    """The run failed. Its row in ``sync_log`` and its alert already say so."""


def fails_plainly(execute: Callable[P, R]) -> Callable[P, R]:
    """Make a task fail without a retry if its error cannot heal, and with retries if it can."""

    @functools.wraps(execute)
    def explained(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return execute(*args, **kwargs)
        except SyncError as error:
            if error.heals:
                raise AirflowException(str(error)) from error
            raise AirflowFailException(str(error)) from error
        except AirflowNotFoundException as error:
            raise AirflowFailException(
                f"{error}. The target is unchanged. Create the connection in Airflow, or as AIRFLOW_CONN_<ITS NAME> "
                "in the worker's environment, or correct conn_id in sqp_config.yaml."
            ) from error

    return explained


def leave_error(context: Context) -> None:
    """Pass a failed stage's error to log_finish.

    This is an ``on_failure_callback``, which Airflow runs before the teardown.
    """
    ti: Any = context["ti"]
    ti.xcom_push(key=STAGE_ERROR, value=failure_of(ti, context.get("exception")).details)


def failure_of(ti: Any, raised: Any) -> Failure:
    """Return why a task failed. If Airflow's exception wraps one of ours, ours is the reason."""
    error = raised if isinstance(raised, BaseException) else None
    original = error.__cause__ if error is not None and isinstance(error.__cause__, SyncError) else error
    return Failure(
        stage=ti.task_id,
        type=type(original).__name__ if original is not None else "Unknown",
        message=str(original if original is not None else raised) or "no message",
        traceback=traceback.format_exception(original)[-TRACEBACK_LINES:] if original is not None else (),
        try_number=ti.try_number,
        log_url=ti.log_url,
    )
