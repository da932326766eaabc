"""`make bench BENCH_ARGS=parsing`: parse the Dags of 1 to 100 feeds as the Dag processor and as a task do."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import yaml

from bench import child
from bench.machine import describe
from bench.parsing.steps import DAGS, PRELOADED, Parsed, by_dag_processor, by_task
from bench.target import Server

SINGLE = 0
"""A file without feeds; its Dags are as many as those of one feed."""

TYPES = 3
SLOWEST_TASK = "sqp_weekly_sync"
LIMITS = {"[core] dagbag_import_timeout": 30, "[dag_processor] dag_file_processor_timeout": 50}
"""Airflow's defaults, in seconds a file."""


@dataclass(frozen=True)
class Size:
    """The medians of one number of feeds."""

    feeds: int
    sync_dags: int
    files: list[Parsed]
    task: Parsed

    @property
    def slowest(self) -> Parsed:
        """The file that takes longest, which has to end within Airflow's time-outs."""
        return max(self.files, key=lambda file: file.seconds)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    arguments = _parser().parse_args(words)
    child.start(PRELOADED)
    with tempfile.TemporaryDirectory(prefix="sqp_bench_") as folder:
        sizes = [_measured(feeds, Path(folder), arguments.repeats) for feeds in arguments.feeds]
    print("\n".join(_lines(sizes)))
    content = {"machine": describe(Server()), "repeats": arguments.repeats, "sizes": [asdict(size) for size in sizes]}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    print(f"Everything measured is in {arguments.json}", file=sys.stderr)
    return 0


def configuration(feeds: int) -> dict[str, object]:
    """Return the content of a file with so many clients of one source table.

    ``configuration(100)["feeds"]["client_042"]`` is ``{"source": {"where": {"client": "client_042"}}}``.
    """
    content: dict[str, object] = {
        "source": {"table": "amazon.search_query_performance", "columns": {"ingested_at": "ingested_at"}},
        "alerts": {"conn_id": "sqp_alerts"},
    }
    names = [f"client_{number:03}" for number in range(1, feeds + 1)]
    return content | ({"feeds": {name: {"source": {"where": {"client": name}}} for name in names}} if names else {})


def _measured(feeds: int, folder: Path, repeats: int) -> Size:
    config = folder / f"{feeds}.yaml"
    config.write_text(yaml.safe_dump(configuration(feeds), sort_keys=False))
    files = sorted(DAGS.glob("*.py"))
    found = [_median([by_dag_processor(file, config) for _ in range(repeats)]) for file in files]
    dag_id = f"{SLOWEST_TASK}__client_{feeds:03}" if feeds else SLOWEST_TASK
    task = _median([by_task(DAGS / f"{SLOWEST_TASK}.py", config, dag_id) for _ in range(repeats)])
    print(f"{feeds or 'without'} feeds: done", file=sys.stderr, flush=True)
    return Size(feeds, TYPES * max(1, feeds), found, task)


def _median(parses: Sequence[Parsed]) -> Parsed:
    seconds, peaks = median(each.seconds for each in parses), median(each.peak_bytes for each in parses)
    return replace(parses[0], seconds=seconds, peak_bytes=int(peaks))


def _lines(sizes: Sequence[Size]) -> Iterator[str]:
    row = "{:>9} {:>9} {:>8} {:>9} {:>8} {:>9} {:>9} {:>9} {:>8}".format
    yield row("feeds", "sync Dags", "all s", "slowest s", "peak MB", "stored kB", "a Dag kB", "a task s", "its MB")
    for size in sizes:
        yield row(
            size.feeds or "without",
            size.sync_dags,
            f"{sum(file.seconds for file in size.files):.2f}",
            f"{size.slowest.seconds:.2f}",
            f"{max(file.peak_bytes for file in size.files) / 2**20:.0f}",
            f"{sum(file.serialized_bytes for file in size.files) / 1024:.0f}",
            f"{max(file.largest_bytes for file in size.files) / 1024:.0f}",
            f"{size.task.seconds:.2f}",
            f"{size.task.peak_bytes / 2**20:.0f}",
        )
    largest = max(sizes, key=lambda size: size.feeds)
    yield f"{largest.feeds or 'without'} feeds, by file:"
    for file in largest.files:
        yield f"  {file.file:24} {file.dags:>4} Dags  {file.seconds:6.2f} s  {file.peak_bytes / 2**20:4.0f} MB"
    for name, limit in LIMITS.items():
        yield f"{name} allows {limit} s a file: {limit / largest.slowest.seconds:.0f} times the slowest"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench parsing", description=__doc__)
    parser.add_argument(
        "--feeds", nargs="+", type=int, default=[SINGLE, 1, 14, 40, 100], help="0: a file without feeds"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("build/bench-parsing.json"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
