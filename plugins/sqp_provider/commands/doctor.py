"""``sqp doctor``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqp_provider.commands.arguments import DONE, FAILED, add_config, add_feeds, configured_or_of_the_dags
from sqp_provider.commands.connections import beside_airflow
from sqp_provider.core.doctor import Finding, Verdict, as_json, as_table, has_failed
from sqp_provider.core.errors import ConnectionMissing
from sqp_provider.core.feeds import Feeds


def add_doctor(commands: Any) -> None:
    """Add the subcommand ``doctor``."""
    doctor = commands.add_parser(
        "doctor",
        help="check all that a sync needs, and change nothing",
        description="Check connections, rights, source table, cost and target, and say what to do; of several feeds "
        "each. Run it where Airflow's connections are visible. Nothing is changed anywhere.",
        epilog="Example: sqp doctor --config dags/sqp_config.yaml --price-per-tib 6.25. "
        "Exit codes: 0 nothing failed, though there may be warnings; 1 a check failed.",
    )
    add_config(doctor)
    add_feeds(doctor)
    doctor.add_argument("--price-per-tib", type=float, help="what BigQuery asks for a TiB, to say what syncs cost")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    doctor.add_argument(
        "--table", help="propose a sqp_config.yaml for project.dataset.table instead, without reading one"
    )
    doctor.add_argument("--conn-id", default="sqp_bigquery", help="with --table: the connection; default: sqp_bigquery")
    doctor.add_argument(
        "--maximum-bytes",
        type=int,
        default=2**30,
        help="with --table: a statement that would read more is not run; default: 1 GiB",
    )
    doctor.set_defaults(run=_doctor)


def _doctor(asked: argparse.Namespace) -> int:
    with beside_airflow("sqp_provider.doctor"):
        return _propose(asked) if asked.table else _examine(asked)


def _propose(asked: argparse.Namespace) -> int:
    from airflow.sdk.exceptions import AirflowNotFoundException

    from sqp_provider.doctor import PATIENCE_SECONDS
    from sqp_provider.hooks.bigquery import SqpBigQueryHook
    from sqp_provider.source.survey import Survey

    try:
        hook = SqpBigQueryHook(asked.conn_id, retry_seconds=PATIENCE_SECONDS)
    except AirflowNotFoundException as error:
        raise ConnectionMissing(
            f"{error}. Nothing was changed. Create the connection in Airflow, or name another with --conn-id."
        ) from error
    survey = Survey(hook, asked.table, asked.maximum_bytes, datetime.now(UTC).date())
    print(survey.report(), end="")
    return FAILED if survey.problems else DONE


def _examine(asked: argparse.Namespace) -> int:
    feeds = configured_or_of_the_dags(asked)
    chosen = feeds.chosen(asked.feed)
    if feeds.is_single:
        findings = _findings(feeds, None, asked.price_per_tib)
        print(as_json(findings) if asked.json else as_table(findings))
        return FAILED if has_failed(findings) else DONE
    found = []
    for name in chosen:
        found.append((name, _findings(feeds, name, asked.price_per_tib)))
        if not asked.json:
            print(f"Feed {name}\n{as_table(found[-1][1])}", end="\n" if name == chosen[-1] else "\n\n", flush=True)
    if asked.json:
        print(as_json([finding for _, findings in found for finding in findings]))
    return FAILED if any(has_failed(findings) for _, findings in found) else DONE


def _findings(feeds: Feeds, name: str | None, price_per_tib: float | None) -> Sequence[Finding]:
    from sqp_provider.doctor import Doctor
    from sqp_provider.operators.owner import owner_of

    if name is not None and name in feeds.mistakes:
        advice = f"Correct {feeds.origin}. There are no Dags of this feed until then."
        return [Finding("Configuration", "settings", Verdict.FAILED, feeds.mistakes[name], advice, name)]
    settings = feeds.of(name)
    several = None if feeds.is_single else feeds
    return Doctor(settings, owner_of(settings), datetime.now(UTC), price_per_tib, several).findings()
