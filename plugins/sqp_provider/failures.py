"""How a task of ours fails: without a retry where none can help, and with its error left for ``sync_log``."""

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
"""The XCom key under which a failed stage leaves what log_finish writes into ``sync_log``."""

TRACEBACK_LINES = 12

P = ParamSpec("P")
R = TypeVar("R")


class TableStale(AirflowFailException):
    """The table could be checked, and it is stale."""


class SyncFailed(AirflowFailException):
    """A run failed, and its row in ``sync_log`` and its alert say so already."""


def fails_plainly(execute: Callable[P, R]) -> Callable[P, R]:
    """Make a task fail at once for what cannot heal, and leave retries to what can."""

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
                f"{error}. The target is unchanged. Create the connection in Airflow, set AIRFLOW_CONN_ and its name "
                "in capitals in the worker's environment, or correct conn_id in sqp_config.yaml."
            ) from error

    return explained


def leave_error(context: Context) -> None:
    """Leave a failed stage's error for log_finish: an ``on_failure_callback``, which runs before the teardown."""
    ti: Any = context["ti"]
    ti.xcom_push(key=STAGE_ERROR, value=failure_of(ti, context.get("exception")).details)


def failure_of(ti: Any, raised: Any) -> Failure:
    """Return why a task failed; where Airflow's exception wraps one of ours, ours says why."""
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
