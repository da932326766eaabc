"""``sqp prove``."""

from __future__ import annotations

import argparse
from datetime import date
from typing import Any

from sqp_provider.commands.arguments import add_config, add_feeds, configured_or_of_the_dags
from sqp_provider.commands.connections import beside_airflow
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import SyncType
from sqp_provider.core.proof import Asked, Verdict
from sqp_provider.core.proof_report import Proof, as_json, unproved


def add_prove(commands: Any) -> None:
    """Add the subcommand ``prove``."""
    prove = commands.add_parser(
        "prove",
        help="compare a published period with BigQuery now, and show what a figure rests on",
        description="Ask BigQuery again, compare each row of a period with Postgres, and show the rows that differ; "
        "of a query or an ASIN also its row, sync, BigQuery job, checks, changes and a statement for its source rows. "
        "Run it where Airflow's connections are visible. Nothing is changed.",
        epilog='Example: sqp prove weekly 2026-11-08 --query "wireless mouse" --asin B000000001. '
        "Exit codes: 0 equal; 1 a period differs; 2 could not be proved, or wrong arguments.",
    )
    prove.add_argument("sync_type", choices=[each.value for each in SyncType], help="the type of period")
    prove.add_argument("period_start", type=date.fromisoformat, help="its first day, as 2026-11-08")
    prove.add_argument("--query", help="a search query of the period")
    prove.add_argument("--asin", help="an ASIN of the period")
    add_config(prove)
    add_feeds(prove)
    prove.add_argument("--json", action="store_true", help="print the report as JSON")
    prove.set_defaults(run=_prove, failed=Verdict.UNPROVED.exit_code)


def _prove(asked: argparse.Namespace) -> int:
    question = Asked(SyncType(asked.sync_type), asked.period_start, asked.query, asked.asin)
    with beside_airflow("sqp_provider.proof"):
        feeds = configured_or_of_the_dags(asked)
        named = feeds.chosen(asked.feed)
        chosen = [None] if feeds.is_single else named
        proofs = []
        for name in chosen:
            proofs.append(_proof(feeds, name, question))
            if not asked.json:
                title = f"Feed {name}\n" if name else ""
                print(f"{title}{proofs[-1].as_text()}", end="\n" if name == chosen[-1] else "\n\n", flush=True)
        if asked.json:
            print(as_json(proofs))
    return Verdict.of_all(proof.verdict for proof in proofs).exit_code


def _proof(feeds: Feeds, name: str | None, question: Asked) -> Proof:
    from sqp_provider.proof import Prover

    try:
        settings = feeds.of(name)
    except InvalidSettings as error:
        return unproved(f"{question.sync_type} {question.first_day}", str(error), feed=name)
    return Prover(settings, question).prove()
