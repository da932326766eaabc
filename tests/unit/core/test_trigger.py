"""A trigger with a mistake is refused with the way out."""

from __future__ import annotations

from typing import Any

import pytest

from sqp_provider.core.errors import InvalidTrigger
from sqp_provider.core.trigger import refuse_one_period_for_a_backfill, refuse_unknown_keys

KNOWN = ("period_start", "force", "dry_run")


@pytest.mark.parametrize(
    "conf", [None, {}, {"period_start": "2026-11-08", "dry_run": True}, {"force": True, "openlineage": {"run": {}}}]
)
def test_a_conf_of_known_keys_is_taken(conf: dict[str, Any] | None) -> None:
    refuse_unknown_keys(conf, KNOWN)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("period_strt", ", did you mean 'period_start'?"),
        ("Dry_run", ", did you mean 'dry_run'?"),
        ("week", "."),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_and_all_known_ones(key: str, hint: str) -> None:
    with pytest.raises(InvalidTrigger) as refused:
        refuse_unknown_keys({"force": True, key: None}, KNOWN)
    assert str(refused.value) == (
        f"the conf has the unknown key {key!r}{hint} Known are dry_run, force, period_start. "
        "The target is unchanged. Start a new run with a known key."
    )


@pytest.mark.parametrize(("run_type", "requested"), [("backfill", None), ("manual", "2026-10-25"), ("scheduled", None)])
def test_a_backfill_without_a_period_and_a_run_with_one_are_taken(run_type: str, requested: str | None) -> None:
    refuse_one_period_for_a_backfill(run_type, requested)


def test_a_backfill_of_one_period_is_refused() -> None:
    with pytest.raises(InvalidTrigger) as refused:
        refuse_one_period_for_a_backfill("backfill", "2026-10-25")
    assert str(refused.value) == (
        "a backfill with period_start 2026-10-25 would sync that one period in each of its runs. "
        "The target is unchanged. Start the backfill again and leave period_start empty: "
        "each run then syncs the period of its own date."
    )
