"""The log of a task that fails for a reason we explain: what happened, then what to do, and no traceback."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

log = logging.getLogger("airflow.task.sqp")

_UNCHANGED = " The target is unchanged."
_SENTENCE = re.compile(r"(?<=[.]) (?=[A-Z0-9])")
_SAID = "sqp_last_line"


def say_without_traceback(error: Exception) -> None:
    """Log the error in short lines, and let Airflow's own line of the failure be the last of them.

    Airflow logs ``Task failed with exception`` with the traceback of whatever a task raises. Here the traceback would
    only show that we raised the error on purpose. At level DEBUG it is logged all the same.
    """
    *before, last = lines(str(error))
    for line in before:
        log.error("%s", line)
    log.debug("Raised here:", exc_info=error)
    setattr(error, _SAID, last)
    _replace_tracebacks()


def lines(message: str) -> list[str]:
    """Return what happened, a sentence a line, and last what became of the target and what to do."""
    happened, unchanged, todo = message.partition(_UNCHANGED)
    last = [(unchanged + todo).strip()] if unchanged else []
    return [*_SENTENCE.split(happened), *last]


def without_traceback(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace Airflow's line of an error that was said already, traceback included. This is a structlog processor."""
    error = sys.exc_info()[1] if event.get("exc_info") is True else event.get("exc_info")
    said = getattr(error, _SAID, None)
    if said:
        event["event"] = said
        del event["exc_info"]
    return event


def _replace_tracebacks() -> None:
    """Put the processor into the log of this task's process, once."""
    import structlog

    processors = structlog.get_config()["processors"]
    # Airflow's logger exists already and shares this list. If a release of Airflow differs, the traceback stays.
    if isinstance(processors, list) and without_traceback not in processors:
        processors.insert(0, without_traceback)
