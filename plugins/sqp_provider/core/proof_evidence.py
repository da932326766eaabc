"""What a proof rests on, as sections of its report: how the period stands, its rows, syncs, checks and changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqp_provider.core.contract import values_of
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.proof import Asked, Side, Values, shown
from sqp_provider.core.proof_report import TRUNCATED, Line, Section, rows_section, value
from sqp_provider.core.standing import Known

_LEDGER = {
    "in the ledger": "state",
    "rows as published": "row_count",
    "published": "published_at",
    "source as of": "snapshot_at",
}
"""What the ledger says, in the report's words."""

_PLACES = {name: place for place, name in enumerate(values_of(SyncType.MONTHLY))}
"""Figures come first in a changed row, because who published it and when changes each time."""


@dataclass(frozen=True)
class Evidence:
    """What was read in one moment.

    :param known: how the period stands.
    :param count: how many rows are asked for.
    :param rows: those of them that are shown.
    :param syncs: the syncs that published the period and these rows, with ``checks`` of each.
    :param histories: by query and ASIN the changes of the first rows, or of a row that is gone.
    :param not_kept: how many publishes of the period changed more rows than are kept.
    """

    known: Known
    count: int = 0
    rows: Sequence[Values] = ()
    syncs: Sequence[Values] = ()
    histories: Mapping[tuple[str, str], Sequence[Values]] = field(default_factory=dict)
    not_kept: int = 0


def of_evidence(found: Evidence, asked: Asked) -> Iterator[Section]:
    """Yield the sections that come before the comparison."""
    yield _standing(found.known)
    if found.count:
        yield rows_section(str(asked), found.count, found.rows)
    yield from (_sync(sync) for sync in found.syncs)


def of_history(found: Evidence) -> Iterator[Section]:
    """Yield the sections of what changed the rows that are asked for."""
    for (query, asin), changes in found.histories.items():
        lines = [Line(value(change["changed_at"]), _change(change)) for change in changes]
        lines = lines or [
            Line("", "no change of it is kept: it is as it was first published, or as the kept time began")
        ]
        if found.not_kept:
            text = f"{found.not_kept} publishes of the period changed more rows than are kept"
            lines.append(Line("not kept", text))
        yield Section(f'Changes of "{shown(query)}", {shown(asin)}, newest first', lines)


def across_grain(period: Period, own: Side, weeks: Side) -> Section:
    """Return Amazon's own month or quarter beside the sum of its weeks. It is no part of the answer."""
    names = ["rows", *own.sums]
    lines = [
        Line(
            name,
            f"{value(one)} in Amazon's own {period.sync_type.period_type.unit}, {value(other)} in the sum of its weeks",
        )
        for name, one, other in zip(
            names,
            [own.row_count, *own.sums.values()],
            [weeks.row_count, *(weeks.sums.get(name) for name in own.sums)],
            strict=True,
        )
    ]
    return Section("Across grains", [*lines, Line("why they differ", TRUNCATED)])


def _standing(known: Known) -> Section:
    status = known.status
    lines = []
    if status:
        cause = f": {status['cause']}" if status.get("cause") else ""
        lines.append(Line("status", f"{status['status']}{cause}"))
        if "trusted" in status:
            lines.append(Line("trusted", f"{value(status['trusted'])}: {status.get('why') or ''}".rstrip(": ")))
        if status.get("verdict"):
            coverage = "" if status.get("coverage") is None else f", {status['coverage']} of the expected ASINs"
            lines.append(Line("complete", f"{status['verdict']}{coverage}"))
    for name, column in _LEDGER.items():
        if known.ledger.get(column) is not None:
            lines.append(Line(name, value(known.ledger[column])))
    if known.running:
        lines.append(Line("running", f"run {known.running} is syncing it"))
    return Section("Period", lines)


def _sync(sync: Values) -> Section:
    lines = [
        Line("Dag run", f"{sync['dag_id']}, {shown(sync['run_id'])}, attempt {sync['attempt']}"),
        Line("when", f"{value(sync['started_at'])} to {value(sync['completed_at'])}, {sync['sync_status']}"),
        Line("BigQuery job", value(sync["job_id"])),
        Line("snapshot taken", value(sync["snapshot_at"] and datetime.fromisoformat(sync["snapshot_at"]))),
    ]
    checks = sync["checks"]
    count = {
        status: sum(check["check_status"] == status for check in checks) for status in ("passed", "warning", "failed")
    }
    lines.append(
        Line("checks", f"{count['passed']} passed, {count['warning']} with a warning, {count['failed']} failed")
    )
    for check in checks:
        if check["check_status"] != "passed":
            lines.append(Line(f"  {check['check_status']}", _check(check)))
    return Section(f"Sync {sync['id']}", lines)


def _check(check: Values) -> str:
    name = " ".join(filter(None, (check["check_type"], check["column_name"])))
    message = value(check["check_message"])
    return message if message.startswith(check["check_type"]) else f"{name}: {message}"


def _change(change: Values) -> str:
    if change["version"] is None:
        who = f"by somebody else ({shown(change['changed_by'] or 'unknown')})"
    else:
        sync = f" of sync {change['sync_log_id']}" if change["sync_log_id"] is not None else ""
        who = f"by publish {change['version']}{sync}{', which healed it' if change['is_healing'] else ''}"
    before, after = change["before"] or {}, change["after"] or {}
    names = sorted(before | after, key=lambda name: _PLACES.get(name, len(_PLACES)))
    if change["change"] == "updated":
        pairs = (f"{name} {value(before.get(name))} → {value(after.get(name))}" for name in names)
        return f"updated {who}: {', '.join(pairs)}"
    return f"{change['change']} {who}: {', '.join(f'{name} {value((before or after)[name])}' for name in names)}"
