"""Without PgBouncer the pooler's tests are skipped and say so, or fail where that was asked for."""

from __future__ import annotations

import pytest

from tests import pooler

MISSING = "A POOLER IS NOT TESTED"


@pytest.fixture(autouse=True)
def without_pgbouncer(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder has a program of the name."""
    monkeypatch.setattr(pooler, "PROGRAM", "pgbouncer-is-not-here")
    monkeypatch.delenv("SQP_REQUIRE_PGBOUNCER", raising=False)


def test_without_pgbouncer_the_tests_are_skipped_and_say_what_is_missing() -> None:
    with pytest.raises(pytest.skip.Exception, match=f"{MISSING}.*apt-get install pgbouncer"):
        pooler.pgbouncer_path()


def test_where_pgbouncer_is_required_its_absence_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQP_REQUIRE_PGBOUNCER", "1")
    with pytest.raises(pytest.fail.Exception, match=MISSING):
        pooler.pgbouncer_path()
