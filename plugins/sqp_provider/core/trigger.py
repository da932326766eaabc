"""Refuse a run whose trigger has a mistake, before it does something else than was meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from sqp_provider.core.errors import InvalidTrigger

ADDED_BY_AIRFLOW = frozenset({"openlineage"})
"""Keys of a conf that nobody typed: a Dag that triggers another one adds them."""


def refuse_unknown_keys(conf: Mapping[str, Any] | None, known: Collection[str]) -> None:
    """Stop a run whose conf has a key that the Dag's form does not have.

    :param conf: ``{"period_strt": "2026-11-08"}``, or None.
    :param known: the names of the Dag's params.
    :raises InvalidTrigger: names the key, the nearest known one, and all known ones.
    """
    for key in conf or {}:
        if key in known or key in ADDED_BY_AIRFLOW:
            continue
        nearest = get_close_matches(key, known, n=1)
        hint = f", did you mean {nearest[0]!r}?" if nearest else "."
        raise InvalidTrigger(
            f"the conf has the unknown key {key!r}{hint} Known are {', '.join(sorted(known))}. "
            "The target is unchanged. Start a new run with a known key."
        )


def refuse_one_period_for_a_backfill(run_type: str, requested: Any) -> None:
    """Stop the runs of a backfill that asks for one period: each of them would sync that period.

    :param run_type: Airflow's word, ``manual``, ``scheduled`` or ``backfill``.
    :param requested: ``period_start`` of the form, or None.
    :raises InvalidTrigger: says which period.
    """
    if run_type == "backfill" and requested:
        raise InvalidTrigger(
            f"a backfill with period_start {requested} would sync that one period in each of its runs. "
            "The target is unchanged. Start the backfill again and leave period_start empty: "
            "each run then syncs the period of its own date."
        )
