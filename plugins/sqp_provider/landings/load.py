"""``sqp landings load``: Amazon's CSV exports into a BigQuery table, file by file, with few jobs for many files."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqp_provider.landings.errors import LandingRefused, UnusableExport
from sqp_provider.landings.export import Export, read_export
from sqp_provider.landings.origin import ExportOptions
from sqp_provider.landings.table import LandedFile, LandingTable

ROWS_A_JOB = 50_000
"""A job is loaded once it has so many rows. A file is never divided, so it is in the table as a whole or not at all."""

CONFIG = """Lines for sqp_config.yaml:
source:
  table: {table}
  marketplace: {marketplace}
  columns:
    marketplace: marketplace_id
    ingested_at: ingested_at
    report_period: report_period  # leave this line out if you load weeks only: they are then summed to months
"""


def load_exports(
    files: Sequence[Path],
    to: str,
    options: ExportOptions,
    table: LandingTable | None,
    now: datetime,
    say: Callable[[str], None] = print,
) -> None:
    """Load files. Each is loaded as a whole, once, or not at all.

    :param to: the table's name in the configuration, ``amazon.search_query_performance``.
    :param table: None to say only what would be loaded.
    :param now: becomes ``ingested_at``. Of two exports of the same week, the one that was loaded later counts.
    :raises LandingRefused: some files were not loaded; the others were.
    """
    hashes = {file: _hash(file) for file in files}
    loading = Loading(options, table, now, say)
    landed = table.landed(list(hashes.values())) if table else {}
    for file, content_hash in hashes.items():
        try:
            loading.take(file, content_hash, landed)
        except UnusableExport as error:
            loading.refused.append(f"{file} {error}")
    loading.flush()
    loading.say_what_was_done(len(files))
    if loading.marketplaces:
        say(configuration(to, loading.marketplaces))
    if loading.refused:
        raise LandingRefused(
            f"{len(loading.refused)} of {len(files)} files cannot be loaded. Nothing of them was loaded:\n  "
            + "\n  ".join(loading.refused)
        )


def configuration(to: str, marketplaces: Iterable[str]) -> str:
    """Return the lines of ``sqp_config.yaml`` that read the table; a configuration is of one marketplace."""
    first, *others = sorted(marketplaces)
    more = f"  # and a configuration of its own for {', '.join(others)}" if others else ""
    return CONFIG.format(table=to, marketplace=first + more).rstrip()


def exports_of(paths: Iterable[Path]) -> list[Path]:
    """Return the files, and the CSV files in the folders, each once.

    :raises LandingRefused: a path is missing, or a folder has no CSV file.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".csv") if path.is_dir() else [path]
        if not inside or not (path.is_dir() or path.is_file()):
            missing = "has no file that ends in .csv" if path.is_dir() else "is no file and no folder"
            raise LandingRefused(f"{path} {missing}. Nothing was loaded.")
        found += inside
    return list(dict.fromkeys(found))


def _hash(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise LandingRefused(f"{file} cannot be read: {error.strerror}. Nothing was loaded.") from error


class Loading:
    """One run of the command: the rows that wait for the next job, and what happened to each file."""

    def __init__(
        self, options: ExportOptions, table: LandingTable | None, now: datetime, say: Callable[[str], None]
    ) -> None:
        self.options = options
        self.table = table
        self.now = now
        self.say = say
        self.refused: list[str] = []
        self.skipped = self.files = self.rows = self.jobs = 0
        self.marketplaces: set[str] = set()
        self._taken: dict[str, str] = {}
        self._figures: dict[tuple[str, ...], tuple[str, int]] = {}
        self._waiting: list[bytes] = []

    def take(self, file: Path, content_hash: str, landed: Mapping[str, LandedFile]) -> None:
        """Read a file, and load its rows once enough are waiting.

        :raises UnusableExport: nothing of it is loaded.
        """
        export = read_export(file.name, file.read_bytes(), self.options)
        self.marketplaces.add(export.marketplace)
        what = f"{file}: {export}"
        if content_hash in landed:
            _refuse_if_other(export, landed[content_hash])
            at = landed[content_hash].ingested_at
            self._skip(f"{what}: skipped, loaded on {at:%Y-%m-%d %H:%M} UTC as {landed[content_hash].source_file}")
        elif content_hash in self._taken:
            self._skip(f"{what}: skipped, has the same content as {self._taken[content_hash]}")
        else:
            self._refuse_if_contradicted(export, file)
            self._taken[content_hash] = str(file)
            self.files += 1
            self.say(what)
            self._wait(export.rows, file.name, content_hash)

    def flush(self) -> None:
        """Load the rows that are waiting, in one job."""
        if self.table is not None and self._waiting:
            with tempfile.TemporaryFile() as lines:
                lines.writelines(self._waiting)
                self.table.append(lines)
            self.jobs += 1
        self._waiting.clear()

    def say_what_was_done(self, files: int) -> None:
        """Say how much was loaded."""
        counted = f"{self.files} of {files} file{'s' * (files != 1)}, {self.rows:,} row{'s' * (self.rows != 1)}"
        already = f"; {self.skipped} skipped" if self.skipped else ""
        if self.table is None:
            self.say(f"Would load {counted}{already}. BigQuery was not asked: files that are there would be skipped.")
        else:
            self.say(f"Loaded {counted} into {self.table.name} with {self.jobs} job{'s' * (self.jobs != 1)}{already}.")

    def _wait(self, rows: Sequence[Mapping[str, Any]], file: str, content_hash: str) -> None:
        noted = {"ingested_at": self.now.isoformat(), "source_file": file, "source_sha256": content_hash}
        self._waiting += [json.dumps({**row, **noted}).encode() + b"\n" for row in rows]
        self.rows += len(rows)
        if len(self._waiting) >= ROWS_A_JOB:
            self.flush()

    def _skip(self, sentence: str) -> None:
        self.skipped += 1
        self.say(sentence)

    def _refuse_if_contradicted(self, export: Export, file: Path) -> None:
        """Compare with the files before: rows of one load are equally new, so two of one query could not be told."""
        figures = dict(_keyed(export, str(file)))
        for key, (_, row) in figures.items():
            other, known = self._figures.get(key, ("", row))
            if row != known:
                raise UnusableExport(
                    f"has other figures for the query {key[-1]!r} than {other}, which was taken. If this file is the "
                    "newer export, load it in a run of its own: what is loaded later counts."
                )
        self._figures |= figures


def _keyed(export: Export, file: str) -> Iterator[tuple[tuple[str, ...], tuple[str, int]]]:
    """Yield the key of each row, and a hash of the row.

    :raises UnusableExport: the file has two rows of one query that differ.
    """
    seen: dict[tuple[str, ...], int] = {}
    for row in export.rows:
        key = tuple(
            str(row[name]) for name in ("marketplace_id", "report_period", "start_date", "asin", "search_query")
        )
        figures = hash(tuple(row.values()))
        if seen.setdefault(key, figures) != figures:
            raise UnusableExport(f"has the query {key[-1]!r} twice, with different figures. Export it again.")
        yield key, (file, figures)


def _refuse_if_other(export: Export, landed: LandedFile) -> None:
    known = (landed.asin, landed.marketplace_id)
    if known != (export.asin, export.marketplace):
        raise UnusableExport(
            f"is {export.asin} in {export.marketplace}, but was loaded as {known[0]} in {known[1]} on "
            f"{landed.ingested_at:%Y-%m-%d %H:%M} UTC. If that was wrong, first delete the rows that have "
            f"source_sha256 '{landed.source_sha256}' from the table."
        )
