"""Read and write what tells whether periods are complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqp_provider.core.completeness import Answer, Outlook, StagedAsins
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.run import SyncRun
from sqp_provider.hooks.postgres import Database
from sqp_provider.target.staging import Staging


@dataclass(frozen=True)
class Completeness:
    """The periods of one type, inside one transaction."""

    database: Database
    sync_type: SyncType

    def outlook(self, period: Period) -> Outlook:
        """Return what is known of a period before it is published."""
        return Outlook(**self.database.one("completeness", "outlook", self._of(period)))

    def staged_asins(self, sync: SyncRun, rows: int) -> StagedAsins | None:
        """Return how many of the expected ASINs are staged; None if nobody has noted the staged ones.

        :param rows: how many rows are staged.
        """
        staging = Staging(self.database, sync)
        if not staging.exists(staging.asins):
            return None
        values = self._of(sync.period) | {"rows": rows}
        return StagedAsins(**self.database.one("completeness", "staged_asins", values, asins=staging.asins))

    def judge_around(self, period: Period) -> None:
        """Write how many ASINs a period should have and has, and the same of those that are compared with it."""
        self.database.run("completeness", "judge_around", self._of(period))

    def judge(self, periods: Sequence[Period]) -> None:
        """Write the same of some periods, which a run may have left out while another one worked."""
        values = {"sync_type": self.sync_type.value, "period_starts": [period.first_day for period in periods]}
        self.database.run("completeness", "judge", values)

    def answers(self, periods: Sequence[Period]) -> list[Answer]:
        """Return how those of the periods stand that equal the source."""
        values = {"sync_type": self.sync_type.value, "period_starts": [period.first_day for period in periods]}
        rows = self.database.connection.execute(self.database.statement("completeness", "answers"), values)
        return [Answer(**row) for row in rows]

    def lacking_asins(self) -> list[Period]:
        """Return the newest twelve periods of which the ASINs are not known.

        That is so where they were published before ASINs were noted, or where a person has marked ``validate``.
        """
        statement = self.database.statement("completeness", "lacking_asins")
        rows = self.database.connection.execute(statement, {"sync_type": self.sync_type.value})
        return [Period.starting(self.sync_type, row["period_start"]) for row in rows]

    def note_asins(self, period: Period) -> None:
        """Note the ASINs of a period as it is published.

        :raises TargetBusy: somebody has locked the ledger for some seconds.
        """
        self.database.wait_patiently()
        target = self.database.table(self.sync_type.target_table)
        self.database.run("completeness", "note_asins", self._of(period), target=target)

    def _of(self, period: Period) -> dict[str, object]:
        return {"sync_type": period.sync_type.value, "period_start": period.first_day}
