"""`make bench BENCH_ARGS=prove`: what a proof of a week reads and takes, where it is equal and where rows differ."""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from psycopg import sql

from bench import child
from bench.child import PRELOADED, in_child
from bench.feeds.__main__ import ENDING, end, say
from bench.machine import describe
from bench.memory import Measured
from bench.ours import Ours
from bench.rows import WEEK
from bench.target import Server, Target
from dev import emulator
from dev.sample_data.market import Market
from dev.sample_data.source import SampleSource
from sqp_provider.core.period import SyncType
from sqp_provider.core.proof import Asked
from sqp_provider.core.proof_report import Proof
from sqp_provider.core.settings import Settings
from tests.fixtures import connection_to

_ASINS, _CHURN_PERCENT = 200, 20


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; return 0 only if each proof found exactly the rows that differ."""
    arguments = _parser().parse_args(words)
    for number in ENDING:  # so that what was created goes then too
        signal.signal(number, end)
    child.start([*PRELOADED, "bench.prove.__main__", "sqp_provider.proof"])
    server = Server()
    found: dict[str, Any] = {"machine": describe(server), "arguments": vars(arguments) | {"json": str(arguments.json)}}
    try:
        with landed(arguments.rows) as settings:
            target = server.migrated()
            say(f"Syncing a week of about {arguments.rows:,} rows")
            Ours(target, settings).sync(WEEK, "bench prove")
            target.row("prove", "analyze")
            found["equal"] = repeated(target, settings, arguments.repeats)
            names = {"week": sql.Literal(WEEK), "rows": sql.Literal(arguments.differing)}
            target.row("prove", "change_rows", None, **names)
            found["differing"] = repeated(target, settings, arguments.repeats)
    finally:
        server.drop()
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    print("\n".join(lines(found)))
    say(f"Everything measured is in {arguments.json}")
    return 0 if (found["equal"]["rows"], found["differing"]["rows"]) == (0, arguments.differing) else 1


@contextmanager
def landed(rows: int) -> Iterator[Settings]:
    """Land a week in a dataset of its own, which goes at the end."""
    client, dataset = emulator.client(), f"sqp_bench_{uuid4().hex[:8]}"
    client.create_dataset(dataset)
    try:
        source = SampleSource(client, f"{dataset}.landed")
        source.create()
        per_asin = round(rows / _ASINS * 100 / (100 - _CHURN_PERCENT))
        market = Market(
            asins=_ASINS, queries=2 * per_asin, rows_per_week=per_asin * _ASINS, churn_percent=_CHURN_PERCENT
        )
        source.land_weeks(market, WEEK, 1)
        columns = {"ingested_at": "ingested_at"}
        content = {"table": source.table, "staging_dataset": dataset, "columns": columns}
        yield Settings.checked({"source": content}, origin="bench")
    finally:
        client.delete_dataset(dataset, delete_contents=True)


def repeated(target: Target, settings: Settings, repeats: int) -> dict[str, Any]:
    """Prove the week several times, each in a process of its own; return medians and what was read."""
    proofs: list[Measured] = []
    for number in range(1, repeats + 1):
        proofs.append(in_child(one_proof, target.dsn, settings))
        say(f"  proof {number}: {proofs[-1].result.answer} ({proofs[-1].seconds:.1f} s)")
    proof: Proof = proofs[-1].result
    difference = proof.difference
    return {
        "answer": proof.answer,
        "rows": difference.rows_estimated if difference else 0,
        "buckets": difference.buckets if difference else 0,
        "rows_read": list(difference.rows_read) if difference else [0, 0],
        "seconds": round(statistics.median(each.seconds for each in proofs), 2),
        "memory_mb": round(max(each.memory_bytes for each in proofs) / 2**20),
    }


def one_proof(dsn: str, settings: Settings) -> Callable[[], Proof]:
    """Return the step that proves the week."""
    from sqp_provider.proof import Prover

    os.environ["AIRFLOW_CONN_SQP_POSTGRES"] = connection_to(dsn)
    return Prover(settings, Asked(SyncType.WEEKLY, WEEK)).prove


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Return a line for each case."""
    for name in ("equal", "differing"):
        case = found[name]
        source, stored = case["rows_read"]
        yield (
            f"{name:<10} {case['seconds']:>6} s, {case['memory_mb']} MB; {case['rows']} rows differ in "
            f"{case['buckets']} buckets; {source:,} rows read of the source, {stored:,} of Postgres"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench prove", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the week")
    parser.add_argument("--differing", type=int, default=5, help="rows that somebody has changed")
    parser.add_argument("--repeats", type=int, default=3, help="how often each case is proved")
    parser.add_argument("--json", type=Path, default=Path("build/bench-prove.json"))
    return parser
