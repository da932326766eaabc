"""What a proof has found of a period, and what it says of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqp_provider.core.period import Period
from sqp_provider.core.proof import Asked, Difference, DifferingRow, Side, Verdict
from sqp_provider.core.proof_evidence import Evidence, of_evidence, of_history
from sqp_provider.core.proof_report import Proof, Section, answer, differing, read, sides
from sqp_provider.core.proof_weeks import Weeks
from sqp_provider.core.settings import Settings


@dataclass(frozen=True)
class Found:
    """The two sides and what differs.

    :param weeks: what a sum was compared with.
    """

    reference: Side
    stored: Side
    difference: Difference
    evidence: Evidence
    further: Sequence[Section] = ()
    statement: str = ""
    bytes_read: int = 0
    weeks: Weeks | None = None

    @property
    def is_equal(self) -> bool:
        """Whether both sides have the same rows."""
        return self.reference.equals(self.stored)

    def differing(self, *, asked_for: Asked) -> list[DifferingRow]:
        """Return those of the differing rows that are asked for; none if the period as a whole is."""
        if not asked_for.is_figure:
            return []
        spellings = (asked_for, asked_for.as_stored())
        return [row for row in self.difference.rows if any(each.has(row) for each in spellings)]

    def report(self, period: Period, asked: Asked, settings: Settings) -> Proof:
        """Return the report, with the answer first."""
        of_the_asked = self.differing(asked_for=asked)
        verdict, said, advice = self._said(period, asked, settings)
        standing, *evidence = of_evidence(self.evidence, asked)
        sections = [
            standing,
            *([] if self.is_equal else [differing(self.difference, of_the_asked)]),
            *evidence,
            sides(self.reference, self.stored, self.evidence.known.ledger),
            *of_history(self.evidence),
            *self.further,
            read(self.difference, self.bytes_read, self.reference),
        ]
        return Proof(
            str(period),
            verdict,
            said,
            advice,
            sections,
            None if self.is_equal else self.difference,
            self.statement,
            settings.feed,
            self.bytes_read,
        )

    def _said(self, period: Period, asked: Asked, settings: Settings) -> tuple[Verdict, str, str]:
        """Return how the proof ended, its answer, and why it is so."""
        reference = self.reference
        if self.is_equal and self.weeks:
            if self.weeks.doubted:
                return Verdict.UNPROVED, *self.weeks.doubt()
            reference = replace(reference, name=self.weeks.sum_name)
        dag_ids = (settings.dag_id(period.sync_type), settings.named("sqp_restatements"))
        advice = self.evidence.known.explain(period, dag_ids, reference, self.stored)
        if not self.is_equal and asked.is_figure:
            is_known = self.difference.is_whole or asked.key
            is_not = "is not among them" if is_known else "is not among those that were read, which are not all"
            there = "is among them" if self.differing(asked_for=asked) else is_not
            advice = f"The row asked for {there}. {advice}"
        verdict = Verdict.EQUAL if self.is_equal else Verdict.DIFFERS
        return verdict, answer(str(period), reference, self.stored, self.difference), advice
