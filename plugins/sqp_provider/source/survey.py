"""Look at a table that nobody has configured yet, and propose the configuration: ``sqp doctor --table``."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqp_provider.core.contract import FIGURES, PERIOD_END, PERIOD_START, REJECT_REASONS, REPORT_PERIOD
from sqp_provider.core.cost import size
from sqp_provider.core.errors import SyncError
from sqp_provider.core.grain import DatedRows, Grain
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.presets import PRESETS
from sqp_provider.core.proposal import choose_feed, propose
from sqp_provider.core.proposed_file import Line, Proposal, comment_text
from sqp_provider.core.settings import CheckSettings, Settings
from sqp_provider.core.table_facts import TableFacts
from sqp_provider.hooks.bigquery import SqpBigQueryHook, Value
from sqp_provider.hooks.bigquery_errors import explained
from sqp_provider.source.table import Source

SAMPLED_ROWS = 500
RECENT_WEEKS = 8
MOST_GROUPS = 20_000
"""As many rows ``sql/dates.sql`` returns at most."""


class TooLarge(SyncError):
    """A statement of the survey would read more than it may."""


@dataclass
class Survey:
    """One table, and what was found.

    :param table: the name of one, or with a ``*`` at its end, the beginning of the names of several.
    :param maximum_bytes: a statement that would read more is not run.
    :param today: where not all rows may be read, those of the weeks before it are.
    """

    hook: SqpBigQueryHook
    table: str
    maximum_bytes: int
    today: date
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    location: str = ""

    def report(self) -> str:
        """Return the proposed file; what was found comes first, as comments."""
        name = self.hook.tables_like(self.table)[-1] if self.table.endswith("*") else self.table
        facts = self.hook.facts_of(name)
        proposal = propose(facts, self._sample(facts))
        if self.table.endswith("*"):
            proposal.table = self.table
        self._locate(proposal, facts)
        if proposal.missing:
            self.problems.append(f"no column was found for {', '.join(proposal.missing)}")
        else:
            self._try_out(proposal)
        head = [f"Proposed by sqp doctor for {facts.name}. Check each line.", *self._of_table(facts, proposal)]
        head += [*self.notes, *(f"NOT USABLE YET: {problem}" for problem in self.problems)]
        return "\n".join(f"# {comment_text(line)}" for line in head) + "\n" + proposal.as_yaml()

    def _sample(self, facts: TableFacts) -> Sequence[Mapping[str, Any]]:
        """Return some rows. Of a table they cost nothing; a view has to be queried."""
        if facts.kind == "TABLE":
            with explained(f"BigQuery table {facts.name}"):
                rows = self.hook.client.list_rows(facts.name, max_results=SAMPLED_ROWS, retry=self.hook.retry)
                return [dict(row.items()) for row in rows]
        statement = f"select * from `{facts.name}` limit {SAMPLED_ROWS}"  # noqa: S608 - a name that BigQuery has confirmed
        try:
            return self._rows(statement, {})
        except TooLarge as error:
            self.notes.append(f"No row was looked at, so formats and words are guesses: {error}")
            return []

    def _rows(self, statement: str, parameters: Mapping[str, Value]) -> list[dict[str, Any]]:
        """Run a statement, if a dry run says that it reads no more than it may."""
        self._refuse_large(statement, parameters)
        return self.hook.rows(statement, parameters, self.maximum_bytes)

    def _locate(self, proposal: Proposal, facts: TableFacts) -> None:
        self.location = facts.location or self.hook.location_of(facts.name.rpartition(".")[0])
        proposal.staging = Line(
            "staging_dataset", "sqp_staging", f"for snapshots; a dataset in {self.location}, like the table"
        )

    def _of_table(self, facts: TableFacts, proposal: Proposal) -> Iterator[str]:
        kind = facts.kind.lower().replace("_", " ")
        extent = f", {facts.row_count:,} rows, {size(facts.byte_count)}" if facts.byte_count and facts.row_count else ""
        yield f"Table: {kind}{extent}"
        dates = [
            line.value if isinstance(line.value, str) else line.value["column"]
            for line in proposal.columns
            if line.key in (PERIOD_START.key, PERIOD_END.key) and isinstance(line.value, (str, dict))
        ]
        if facts.partitioned_by and facts.partitioned_by in dates:
            yield f"Partitions: by {facts.partitioned_by}, so a sync reads its own days only"
        elif facts.partitioned_by:
            better = f"; better by {dates[0]}" if dates else ""
            yield f"Partitions: by {facts.partitioned_by}, so a sync reads all of them{better}"
        elif facts.kind == "TABLE" and dates:
            yield f"Partitions: none, so each sync reads the whole table; better by {dates[0]}"

    def _try_out(self, proposal: Proposal) -> None:
        """Read dates and feeds of all rows, then one period with what is proposed."""
        source = self._source(proposal)
        if source is None:
            return
        self.notes += self._known_landing(proposal)
        grain = self._read_some_dates(source, proposal)
        if grain is None:
            self.notes += [f"Feeds of the sampled rows, {line}" for line in choose_feed(proposal, _sampled(proposal))]
            return
        if not source.landing.says_report and not grain.of_type(SyncType.WEEKLY):
            self._fix_report(proposal, grain)
        self.notes += [f"Periods, {line}" for line in grain.lines()]
        source, newest = self._source(proposal), grain.newest()
        if source and newest:
            try:
                self._read_period(source, newest)
            except TooLarge as error:
                self.notes.append(f"{newest} was not read: {error}")

    def _read_some_dates(self, source: Source, proposal: Proposal) -> Grain | None:
        """Return the periods of all rows, else of those of the last weeks, else nothing."""
        for recent in (False, True):
            try:
                return self._read_dates(source, proposal, recent=recent)
            except TooLarge as error:
                which = f"last {RECENT_WEEKS} weeks" if recent else "whole table"
                self.notes.append(f"Periods and feeds of the {which} were not read: {error}")
        return None

    def _source(self, proposal: Proposal) -> Source | None:
        """Return the source as it is proposed, unless it is not usable."""
        try:
            source = Source(self.hook, Settings.checked(proposal.content(), origin="proposal").source)
            source.location = self.location  # the dataset for snapshots may not be there yet
            problems = source.problems()
        except SyncError as error:
            problems = [str(error)]
        self.problems += problems
        return None if problems else source

    def _known_landing(self, proposal: Proposal) -> Iterator[str]:
        """Name the preset that says the same of the figures."""
        said = proposal.content()["source"]["columns"]
        for name, preset in PRESETS.items():
            columns = preset.get("columns", {})
            figures = {figure.source.key for figure in FIGURES} & columns.keys()
            if figures and all(columns[key] == said.get(key) for key in figures):
                yield f"Known landing: its figures are called as in the preset {name}"

    def _read_dates(self, source: Source, proposal: Proposal, *, recent: bool) -> Grain:
        weeks = Period.latest_before(SyncType.WEEKLY, self.today).with_previous(RECENT_WEEKS)
        statement = source.dates_statement([each.path for each in proposal.feeds], recent=recent)
        rows = self._rows(statement, source.parameters(weeks[-1], weeks[0]))
        if len(rows) == MOST_GROUPS:
            self.notes.append(f"Only the newest {MOST_GROUPS:,} combinations of dates and feeds were read")
        combined: Counter[tuple[str | None, ...]] = Counter()
        for row in rows:
            combined[tuple(row[f"feed_{number}"] for number, _ in enumerate(proposal.feeds))] += row["row_count"]
        self.notes += [f"Feeds, {line}" for line in choose_feed(proposal, list(combined.items()))]
        says = source.landing.says_report
        unknown = {row["report_period"] for row in rows if says} - {"week", "month", "quarter"}
        if unknown:
            words = ", ".join(sorted(str(word) for word in unknown))
            self.notes.append(f"Words for periods that no configuration takes: {words}; their rows would be rejected")
        return Grain.of(
            DatedRows(row["first_day"], row["last_day"], row["report_period"], row["row_count"]) for row in rows
        )

    @staticmethod
    def _fix_report(proposal: Proposal, grain: Grain) -> None:
        newest = grain.newest()
        if newest:
            word = newest.sync_type.period_type.report_period
            proposal.columns.append(
                Line(REPORT_PERIOD.key, {"value": word}, f"all rows are of {newest.sync_type} reports")
            )

    def _read_period(self, source: Source, period: Period) -> None:
        """Extract one period as a sync would, without writing, and say what became of its rows."""
        parameters = source.parameters(period)
        statement = source.totals_statement(period.sync_type)
        self._refuse_large(statement, parameters)
        totals = source.window_totals(period.sync_type, [period]).get(period)
        if totals is None:
            self.notes.append(f"{period}: no row of it is of the feed that is taken")
            return
        balance, most = totals.balance, CheckSettings().reject_rate_fail
        self.notes.append(f"{period}: {balance}")
        if balance.rejected > most * (balance.published + balance.rejected):
            self.notes.append(f"{period}: its sync would fail, because checks.reject_rate_fail is {most:.0%}")
        if totals.differing_rows:
            self.notes.append(f"{period}: {totals.differing_rows:,} superseded copies have other figures")
        for row in self._rows(source.reject_reasons_statement(period.sync_type), parameters):
            reason = REJECT_REASONS.get(row["reason"], "")
            example = textwrap.shorten(row["example"], 200, placeholder=" …")
            self.notes.append(f"Rejects, {row['reason']}: {row['row_count']:,} rows. {reason} Such as {example}")

    def _refuse_large(self, statement: str, parameters: Mapping[str, Value]) -> None:
        found = self.hook.bytes_of(statement, parameters)
        if found > self.maximum_bytes:
            raise TooLarge(f"it would read {size(found)}; --maximum-bytes is {size(self.maximum_bytes)}")


def _sampled(proposal: Proposal) -> list[tuple[tuple[str | None, ...], int]]:
    """Return the commonest value of each field among the sampled rows, as one feed."""
    common = (Counter(map(str, each.samples)).most_common(1) for each in proposal.feeds)
    return [(tuple(found[0][0] if found else None for found in common), SAMPLED_ROWS)] if proposal.feeds else []
