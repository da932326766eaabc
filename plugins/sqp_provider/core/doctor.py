"""What the doctor asks, in which order, and how it reports what it found. Each question changes nothing."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import groupby

from sqp_provider.core.errors import REPORT_IT, SyncError, to_a_person, unforeseen

_UNCHANGED = " The target is unchanged."
_WHAT_COLUMNS, _FOUND_COLUMNS, _ADVICE_COLUMNS = 24, 60, 50


class Verdict(StrEnum):
    """How a check ended. Only ``failed`` keeps the sync from working."""

    GOOD = "good"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


_MARKS = {Verdict.GOOD: "ok", Verdict.WARNING: "warn", Verdict.FAILED: "FAIL", Verdict.SKIPPED: "-"}


@dataclass(frozen=True)
class Answer:
    """What one check found, and what to do about it.

    :param stops: whether the checks that build on this one have nothing to ask, as after a failure.
    """

    verdict: Verdict
    found: str
    advice: str = ""
    stops: bool = False


def good(found: str) -> Answer:
    """Return the answer of a check with nothing to do: ``good("PostgreSQL 18.1")``."""
    return Answer(Verdict.GOOD, found)


def warning(found: str, advice: str, *, stops: bool = False) -> Answer:
    """Return the answer of a check that somebody should read, although the sync works."""
    return Answer(Verdict.WARNING, found, advice, stops)


def failed(found: str, advice: str) -> Answer:
    """Return the answer of a check without which the sync does not work."""
    return Answer(Verdict.FAILED, found, advice, stops=True)


@dataclass(frozen=True)
class Check:
    """One question.

    :param needs: the names of the checks without which this question makes no sense.
    """

    section: str
    name: str
    ask: Callable[[], Answer]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """The line of one check in the doctor's table."""

    section: str
    name: str
    verdict: Verdict
    found: str
    advice: str = ""
    feed: str | None = None


def examine(checks: Iterable[Check], feed: str | None = None) -> Iterator[Finding]:
    """Ask each question in order. A check whose predecessor did not pass is skipped, and says which one that was.

    :param feed: the one of several feeds that the questions are about.
    """
    stopped_by: dict[str, str] = {}
    for check in checks:
        cause = next((stopped_by[name] for name in check.needs if name in stopped_by), None)
        if cause is not None:
            stopped_by[check.name] = cause
            reason = f"not checked, because {cause}"
            yield Finding(check.section, check.name, Verdict.SKIPPED, reason, feed=feed)
            continue
        answer = _answer(check)
        if answer.stops:
            failing = answer.verdict is Verdict.FAILED
            stopped_by[check.name] = f"'{check.name}' failed" if failing else f"of '{check.name}'"
        yield Finding(check.section, check.name, answer.verdict, answer.found, answer.advice, feed)


def _answer(check: Check) -> Answer:
    try:
        return check.ask()
    except SyncError as error:
        found, advice = told(error)
        return failed(found, "Run the doctor again when it answers." if error.heals else advice)
    except Exception as error:  # one question that breaks must not hide what the others find
        return failed(unforeseen("the check", error), REPORT_IT)


def told(error: SyncError) -> tuple[str, str]:
    """Return what an error found and what to do, for somebody who is no task: without what only a task can do."""
    found, _, advice = str(error).partition(_UNCHANGED)
    return found, to_a_person(advice)


def has_failed(findings: Iterable[Finding]) -> bool:
    """Return whether a check failed. Warnings and checks that were skipped for them are no failures."""
    return any(finding.verdict is Verdict.FAILED for finding in findings)


def as_table(findings: Sequence[Finding]) -> str:
    """Return the findings as aligned text, a section after the other, with the numbers of each verdict at the end."""
    lines: list[str] = []
    for section, of_section in groupby(findings, key=lambda finding: finding.section):
        lines += [section, *(line for finding in of_section for line in _lines(finding))]
    return "\n".join([*lines, "", _summary(findings)])


def _lines(finding: Finding) -> Iterator[str]:
    columns = (
        textwrap.wrap(finding.name, _WHAT_COLUMNS) or [""],
        textwrap.wrap(finding.found, _FOUND_COLUMNS, break_on_hyphens=False) or [""],
        textwrap.wrap(finding.advice, _ADVICE_COLUMNS, break_on_hyphens=False) or [""],
    )
    for number in range(max(map(len, columns))):
        what, found, advice = (column[number] if number < len(column) else "" for column in columns)
        mark = _MARKS[finding.verdict] if number == 0 else ""
        yield f"  {mark:<4}  {what:<{_WHAT_COLUMNS}}  {found:<{_FOUND_COLUMNS}}  {advice}".rstrip()


def _summary(findings: Sequence[Finding]) -> str:
    count = {verdict: sum(finding.verdict is verdict for finding in findings) for verdict in Verdict}
    return (
        f"{len(findings)} checks: {count[Verdict.GOOD]} good, {count[Verdict.WARNING]} with a warning, "
        f"{count[Verdict.FAILED]} failed, {count[Verdict.SKIPPED]} not checked. Nothing was changed."
    )


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as a JSON array of objects: section, name, verdict, found, advice, and feed of several."""
    objects = [asdict(finding) for finding in findings]
    told = [{key: value for key, value in each.items() if key != "feed" or value is not None} for each in objects]
    return json.dumps(told, indent=2, ensure_ascii=False)
