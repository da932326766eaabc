"""A schema obeys the Airflow that it belongs to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sqp_provider.core.errors import SchemaOwned
from sqp_provider.core.ownership import Owner, refuse_other_owner

SINCE = datetime(2026, 11, 8, 23, tzinfo=UTC)


def test_the_owner_may_sync() -> None:
    refuse_other_owner("sqp", Owner("production"), Owner("production"), SINCE)


def test_another_airflow_is_refused_with_both_ways_out() -> None:
    with pytest.raises(SchemaOwned) as refused:
        refuse_other_owner("sqp", Owner("staging"), Owner("production"), SINCE)
    assert str(refused.value) == (
        "schema sqp belongs to Airflow production since 2026-11-08, but this is Airflow staging. "
        "The target is unchanged. Pause this Airflow's sqp Dags, or name another target.schema in sqp_config.yaml. "
        "To move the schema here, pause them there, run 'sqp take-over --airflow staging --schema sqp' "
        "(or trigger the Dag sqp_migrate with take_over), and clear the failed task."
    )


def test_another_feed_of_the_same_airflow_is_refused_as_renamed_or_as_one_too_many() -> None:
    with pytest.raises(SchemaOwned) as refused:
        refuse_other_owner("sqp_us", Owner("production", "acme_usa"), Owner("production", "acme_us"), SINCE)
    assert str(refused.value) == (
        "schema sqp_us belongs to feed acme_us of Airflow production since 2026-11-08, but this is feed acme_usa of "
        "Airflow production. The target is unchanged. If that feed was renamed, run 'sqp take-over --airflow "
        "production --feed acme_usa --schema sqp_us' (or trigger the Dag sqp_migrate with take_over and feeds "
        "[acme_usa]), and clear the failed task. If both are wanted, give this one another target.schema in "
        "sqp_config.yaml."
    )
