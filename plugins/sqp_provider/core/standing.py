"""How a period that is proved stands, and why it equals the source or differs from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqp_provider.core.errors import SyncError
from sqp_provider.core.period import Period
from sqp_provider.core.proof import Asked, Side, Values, shown


class NothingToProve(SyncError):
    """The period or figure is not there, or it changed meanwhile."""


def refuse_unless_text(asked: Asked) -> None:
    """Stop if no row can have the query or the ASIN that is asked for.

    :raises NothingToProve: one of them is not UTF-8, or has the character U+0000.
    """
    for name, text in (("query", asked.query or ""), ("ASIN", asked.asin or "")):
        try:
            found = "has the character U+0000" if "\0" in text.encode().decode() else ""
        except UnicodeEncodeError:
            found = "is not UTF-8"
        if found:
            raise NothingToProve(
                f"the {name} {shown(text)} is no text, because it {found}. The target is unchanged. Give it as the "
                "dashboard shows it."
            )


@dataclass(frozen=True)
class Known:
    """What Postgres knows of a period.

    :param status: its row of ``period_status``; whatever columns that has.
    :param ledger: its row of ``synced_period``.
    :param running: the run that is syncing it.
    """

    status: Values
    ledger: Values
    running: str | None = None

    @property
    def state(self) -> str | None:
        """``synced``, ``derived``, ``adopted``, ``deleted``; None: the ledger has no row."""
        return self.ledger.get("state")

    def refuse_unless_published(self, period: Period, dag_id: str, today: date, due: date, *, has_rows: bool) -> None:
        """Stop if nothing is published of the period, and say what to do.

        :param due: the day on which the period is synced: its end and the publication delay.
        :raises NothingToProve: it is deleted or missing.
        """
        again = f"trigger {dag_id} with period start {period.first_day}"
        if has_rows or self.state not in ("deleted", None):
            return
        if self.state == "deleted":
            raise NothingToProve(
                f"it was deleted on purpose at {self.ledger['published_at']:%Y-%m-%d %H:%M} UTC. The target is "
                f"unchanged. To have it again, {again}."
            )
        if self.running:
            raise NothingToProve(
                f"run {self.running} is syncing it for the first time, so there is nothing to prove. The target is "
                "unchanged. Prove it when the run has finished."
            )
        if today < due:
            over = f"not over before {period.next_first_day}" if today <= period.last_day else f"not due before {due}"
            raise NothingToProve(
                f"it is {over}, so there is nothing to prove yet. The target is unchanged. {dag_id} syncs it on {due}. "
                "Prove it then."
            )
        raise NothingToProve(
            "it is not published, so there is nothing to prove. The target is unchanged. "
            f"To publish it, {again}; the view period_status says what is known."
        )

    def refuse_if_newer(self, snapshot_at: datetime) -> None:
        """Stop if a sync has published what the source had after the proof's own snapshot was taken.

        :raises NothingToProve: it has.
        """
        published = self.ledger.get("snapshot_at")
        if published is not None and published > snapshot_at:
            raise NothingToProve(
                "a sync has published a newer snapshot while it was being proved. The target is unchanged. "
                "Prove it again."
            )

    def explain(self, period: Period, dag_ids: tuple[str, str], reference: Side, stored: Side) -> str:
        """Return why two sides are equal or differ, and what to do.

        :param dag_ids: of the sync and of the daily check.
        """
        dag_id, check_id = dag_ids
        trigger = f"trigger {dag_id} with period start {period.first_day}"
        if reference.equals(stored):
            return self._equal()
        if self.running:
            return f"Run {self.running} is syncing it now. Prove it again when the run has finished."
        if self.state in ("adopted", None):
            return f"It has the rows from before the first sync. To have the source's rows, {trigger}."
        if self.state == "deleted":
            return f"It was deleted on purpose, and somebody else has written rows to it since. To sync it, {trigger}."
        if self.state == "derived":
            why = (
                "A week of it changed after it was summed."
                if self.ledger.get("week_changed_at")
                else "Somebody else wrote to it after it was summed."
            )
            return f"{why} The daily check ({check_id}) sums it again."
        return f"{self._changed(reference, stored)} The daily check ({check_id}) syncs it; or {trigger}."

    def _equal(self) -> str:
        if self.running:
            return f"Run {self.running} is syncing it now; this is what was published before."
        if self.state in ("adopted", None):
            return "No sync has published it: these are the rows from before the first sync."
        if self.state == "synced" and self.ledger.get("fingerprint") is None:
            return "Somebody else wrote to it after it was published, and left the source's rows."
        return ""

    def _changed(self, reference: Side, stored: Side) -> str:
        published = (self.ledger.get("row_count"), self.ledger.get("row_hash"))
        if published[1] is None:
            return "It is not known whether the source was restated since or somebody else wrote to it."
        restated = (reference.row_count, reference.row_hash) != published
        written = (stored.row_count, stored.row_hash) != published
        if restated and written:
            return "The source was restated since it was published, and somebody else wrote to it too."
        if restated:
            return "The source was restated since: Postgres has the rows that were published."
        return "Somebody else wrote to it: the source still has the rows that were published."
