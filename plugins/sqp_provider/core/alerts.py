"""The text of each alert. Sending and remembering happen elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqp_provider.core.completeness import Answer
from sqp_provider.core.errors import InvalidPeriod, InvalidTrigger, Superseded
from sqp_provider.core.freshness import Freshness
from sqp_provider.core.publish import NOT_YET
from sqp_provider.core.quality import STANDING
from sqp_provider.core.restated import Restated

LONGEST_ERROR = 1500
"""An alert has this many characters of an error's message; ``sync_log`` or the task's log has all of it."""

TASK_LOG = "the task's log"
"""Where an error is in full if no row of ``sync_log`` has it."""

LATE = "late"
"""The cause of an alert of a period that is not complete after its usual day."""

ORDINALS = {2: "second", 3: "third"}
ENDINGS = {1: "st", 2: "nd", 3: "rd"}


@dataclass(frozen=True)
class Alert:
    """One message. An alert of the same kind, subject and cause is sent once until the cause is gone."""

    kind: str
    subject: str
    cause: str
    title: str
    body: str

    @property
    def level(self) -> str:
        """Apprise's name for the colour of the message."""
        return {"recovered": "success", "warning": "warning", "late": "warning"}.get(self.kind, "failure")


@dataclass(frozen=True)
class FinishedRun:
    """A row of the statement ``finished_run``."""

    sync_log_id: int
    attempt: int
    sync_type: str
    sync_status: str
    period_start: date | None
    period_end: date | None
    dag_id: str | None
    run_id: str | None
    records_processed: int
    records_inserted: int
    records_updated: int
    records_failed: int
    error_message: str | None
    stage: str | None
    error_type: str | None
    outcome: str | None
    is_dry: bool
    failures_in_a_row: int
    is_checked: bool
    warnings: list[str]
    warned_of: list[str]
    warned_before: list[str]
    """What the period before warned of."""
    warnings_sent: list[str]
    """The causes of all warnings of the type that were sent."""
    answer: Answer | None = None
    """How the period stands now; None for a run without a period."""

    @property
    def subject(self) -> str:
        """``weekly 2026-11-08..2026-11-14``; for a run without a period, ``weekly run manual__1``."""
        if self.period_start is None:
            return f"{self.sync_type} run {self.run_id}"
        return f"{self.sync_type} {self.period_start}..{self.period_end}"

    @property
    def made_way(self) -> bool:
        """Whether the run did nothing: newer data, or a newer run, was there, or the period is still arriving."""
        superseded = self.sync_status == "failed" and self.error_type == Superseded.__name__
        return superseded or self.outcome in NOT_YET

    @property
    def was_refused(self) -> bool:
        """Whether the run failed because its trigger had a mistake: whoever started it sees that."""
        return self.error_type in (InvalidPeriod.__name__, InvalidTrigger.__name__)

    @property
    def is_clean(self) -> bool:
        """Whether the checks of this run found nothing to warn of. An attempt without checks says nothing of that."""
        return self.sync_status == "completed" and self.is_checked and not (self.is_dry or self.warnings)

    @property
    def warns_again(self) -> bool:
        """Whether the report still lands as it did: people were notified of exactly this for the period before."""
        standing = all(check.split(" ")[0] in STANDING for check in self.warned_of)
        return standing and self.warned_of == self.warned_before and ", ".join(self.warned_of) in self.warnings_sent

    @property
    def is_expected(self) -> bool:
        """Whether the checks warn of nothing but what is still to come of a period that arrives as usual."""
        arriving = self.answer is not None and self.answer.verdict == "arriving"
        return arriving and set(self.warned_of) <= {"asin_coverage asin", "volume_anomaly"}

    def alert(self, link: str) -> Alert | None:
        """Return the alert of this run's failure or warnings, or None."""
        if self.is_dry or self.made_way or self.was_refused:
            return None
        if self.sync_status == "failed":
            return self._failure(link)
        return self._warning(link) if self.warnings and not (self.warns_again or self.is_expected) else None

    def restatement(self, restated: Restated, link: str) -> Alert:
        """Return the alert of a publish that changed much of what was published. Each such publish is a cause."""
        cause = f"restated by sync_log {self.sync_log_id} attempt {self.attempt}"
        title = f"SQP period restated: {self.subject}"
        body = _lines(f"{restated}.", self._run(link))
        return Alert("warning", self.subject, cause, title, body)

    def recovery(self, link: str) -> Alert:
        """Return the alert to send if an earlier failure of the period was sent."""
        title = f"SQP sync recovered: {self.subject}"
        body = _lines(
            f"{self.subject} is synced again ({self.outcome}).", self._stands(), self._counts(), self._run(link)
        )
        return Alert("recovered", self.subject, f"sync_log {self.sync_log_id} attempt {self.attempt}", title, body)

    def _failure(self, link: str) -> Alert:
        where = f"{self.stage or 'no stage'} {self.error_type or 'Unknown'}"
        again = self.failures_in_a_row > 1
        number = ordinal(self.failures_in_a_row)
        title = f"SQP sync failed: {self.subject}" + (f" ({number} failure in a row)" if again else "")
        body = _lines(
            f"Stage: {self.stage or 'none'}. Error: {self.error_type or 'Unknown'}.",
            f"Reason: {_cut(self.error_message or 'no message')}",
            f"In a row: this is the {number} failed run of this period since one completed." if again else "",
            self._counts(),
            *self.warnings,
            self._run(link),
        )
        return Alert("failed", self.subject, where + (" again" if again else ""), title, body)

    def _warning(self, link: str) -> Alert:
        title = f"SQP sync completed with warnings: {self.subject}"
        body = _lines(*self.warnings, self._stands(), self._counts(), self._run(link))
        return Alert("warning", self.subject, ", ".join(self.warned_of), title, body)

    def _stands(self) -> str:
        return f"It stands: {self.answer}" if self.answer else ""

    def _counts(self) -> str:
        return (
            f"Rows: {self.records_processed:,} processed, {self.records_inserted:,} inserted, "
            f"{self.records_updated:,} updated, {self.records_failed:,} rejects."
        )

    def _run(self, link: str) -> str:
        return f"Run: {self.run_id or 'none'} of {self.dag_id or 'no Dag'} (sync_log {self.sync_log_id}). {link}"


def stale_alert(freshness: Freshness, link: str) -> Alert:
    """Return the alert of a stale table, sent once until the table is fresh again."""
    title = f"SQP table stale: {freshness.table_name}"
    body = _lines(_cut(str(freshness)), freshness.remedy, f"Run: {link}")
    return Alert("stale", freshness.table_name, "stale", title, body)


def fresh_alert(freshness: Freshness, link: str) -> Alert:
    """Return the alert to send when a stale table is fresh again."""
    title = f"SQP table fresh again: {freshness.table_name}"
    cause = f"newest period {freshness.period_start}"
    return Alert("recovered", freshness.table_name, cause, title, _lines(str(freshness), f"Run: {link}"))


def late_alert(dag_id: str, run_id: str, minutes: float, link: str, *, is_queued: bool) -> Alert:
    """Return the alert of a run that takes too long, its wait in the queue included; sent once for each run."""
    since = f"was created more than {minutes:g} minutes ago"
    if is_queued:
        title = f"SQP sync waiting long: {dag_id}"
        found = f"Run {run_id} of {dag_id} {since} and is still queued. No task has started."
        todo = "Check which runs are ahead of it, and whether the scheduler and its workers are running."
    else:
        title = f"SQP sync running long: {dag_id}"
        found = f"Run {run_id} of {dag_id} {since}, its wait in the queue included, and is still running."
        todo = "Check which task it waits in."
    body = _lines(found, f"The published rows are not affected. {todo}", f"Run: {link}")
    return Alert("late", dag_id, run_id, title, body)


def failed_task_alert(dag_id: str, task_id: str, error: str, error_type: str, link: str) -> Alert:
    """Return the alert of a failed daily task, sent once for each type of error until the task succeeds."""
    title = f"SQP task failed: {task_id} of {dag_id}"
    body = _lines(
        f"Task: {task_id} of {dag_id}. Error: {error_type}.",
        f"Reason: {_cut(error, rest_in=TASK_LOG)}",
        "The target is unchanged. The next run tries again. To try earlier, remove the cause and clear the task.",
        f"Run: {link}",
    )
    return Alert("failed", f"{dag_id} {task_id}", error_type, title, body)


def working_task_alert(dag_id: str, task_id: str, run_id: str, link: str) -> Alert:
    """Return the alert to send when a task whose failure was sent has succeeded."""
    title = f"SQP task works again: {task_id} of {dag_id}"
    return Alert("recovered", f"{dag_id} {task_id}", run_id, title, _lines(f"{task_id} has succeeded.", f"Run: {link}"))


def late_period_alert(answer: Answer, link: str) -> Alert:
    """Return the alert of a published period that lacks ASINs after its usual day, sent once until it is complete."""
    subject = f"{answer.sync_type} {answer.period_start}..{answer.period_end}"
    title = f"SQP period is not complete: {subject}"
    return Alert("warning", subject, LATE, title, _lines(answer.why, f"Run: {link}"))


def unlogged_alert(ti: Any, error: str, error_type: str, link: str) -> Alert:
    """Return the alert of a run that could not use ``sync_log``, sent once for each type of error until a run can."""
    title = f"SQP sync failed: {ti.dag_id} could not use its log"
    body = _lines(
        f"Stage: {ti.task_id}. The run could not be written into sync_log.",
        f"Reason: {_cut(error, rest_in=TASK_LOG)}",
        f"Run: {ti.run_id} of {ti.dag_id}. {link}",
    )
    return Alert("failed", ti.dag_id, f"{ti.task_id} {error_type}", title, body)


def logged_alert(dag_id: str, run_id: str, link: str) -> Alert:
    """Return the alert to send when a run has written its outcome into ``sync_log`` and an earlier one could not."""
    title = f"SQP sync recovered: {dag_id} can use its log again"
    body = _lines(
        "A run has written its outcome into sync_log. If it failed, another alert says so.", f"Run: {run_id}. {link}"
    )
    return Alert("recovered", dag_id, run_id, title, body)


def callback_alert(kind: str, dag_id: str, task_id: str | None, run_id: str, error: Any, link: str) -> Alert:
    """Return the default alert of :class:`~sqp_provider.notifications.notifier.AlertNotifier` in another Dag."""
    what = f"{task_id} of {dag_id}" if task_id else dag_id
    outcome = {"failed": "failed", "recovered": "works again"}.get(kind, "needs attention")
    reason = "Reason: " + _cut(str(error), rest_in=TASK_LOG) if error else ""
    return Alert(kind, what, run_id, f"{what} {outcome}", _lines(reason, f"Run: {run_id}. {link}"))


def ordinal(number: int) -> str:
    """Return ``second``, ``4th``, ``11th``, ``21st``."""
    teens = number % 100 in (11, 12, 13)
    return ORDINALS.get(number, f"{number}{'th' if teens else ENDINGS.get(number % 10, 'th')}")


def _cut(text: str, rest_in: str = "sync_log") -> str:
    return text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]} … (the rest is in {rest_in})"


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)
