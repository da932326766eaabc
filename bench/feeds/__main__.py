"""`make bench BENCH_ARGS=feeds`: sync weeks of many feeds through a real scheduler and compare every row."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.feeds.report import lines
from bench.feeds.server import EXECUTORS
from bench.feeds.trial import Trial
from bench.machine import describe
from bench.target import Server

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; return 0 only if every run succeeded and no period differs."""
    arguments = _parser().parse_args(words)
    for number in ENDING:  # so that what was started and created goes then too
        signal.signal(number, end)
    given = {name: str(value) if isinstance(value, Path) else value for name, value in vars(arguments).items()}
    content = {"machine": describe(Server()), "arguments": given}
    settings = {f"AIRFLOW__{key}": value for key, value in arguments.set}
    trial = Trial(
        arguments.feeds,
        arguments.rows,
        arguments.weeks,
        arguments.executor,
        arguments.parallelism,
        arguments.minutes,
        settings,
        say,
    )
    found = content | trial.measured()
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    print("\n".join(lines(found)))
    say(f"Everything measured is in {arguments.json}")
    compared, runs = found["compared"], found["airflow"]["runs"]
    return int(bool(compared["differences"]) or runs["succeeded"] != found["runs_expected"])


def say(line: str) -> None:
    """Print a line about the progress."""
    print(line, file=sys.stderr, flush=True)


def end(number: int, _: object) -> None:
    """Leave because of a signal, and clean up."""
    for other in ENDING:
        signal.signal(other, signal.SIG_IGN)  # nobody interrupts the cleaning up
    sys.exit(f"ended by {signal.Signals(number).name}")


def _setting(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or "__" not in name:
        raise argparse.ArgumentTypeError(f"{word!r}: expected SECTION__KEY=VALUE")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench feeds", description=__doc__)
    parser.add_argument("--feeds", type=int, default=40)
    parser.add_argument("--rows", type=int, default=20_000, help="rows of a feed's week")
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--executor", choices=EXECUTORS, default="local", help="celery: a Redis and two workers")
    parser.add_argument("--parallelism", type=int, default=4, help="tasks that run at once, on all workers together")
    parser.add_argument("--minutes", type=float, default=240, help="how long to wait for the runs at most")
    parser.add_argument(
        "--set", nargs="*", type=_setting, default=[], metavar="SECTION__KEY=VALUE", help="settings of Airflow"
    )
    parser.add_argument("--json", type=Path, default=Path("build/bench-feeds.json"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
