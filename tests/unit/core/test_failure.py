"""The failure that ``sync_log.error_details`` keeps."""

from __future__ import annotations

from sqp_provider.core.errors import SnapshotExpired
from sqp_provider.core.failure import Failure


def test_an_error_of_ours_is_kept_by_its_stage_class_and_message() -> None:
    error = SnapshotExpired("snapshot p.d.t is gone")
    assert Failure.of("load", error) == Failure(stage="load", type="SnapshotExpired", message="snapshot p.d.t is gone")


def test_details_come_back_as_the_failure_they_were() -> None:
    details = {
        "stage": "load",
        "type": "OSError",
        "message": "disk full",
        "traceback": ["line 1", "line 2"],
        "try": 3,
        "log_url": "http://airflow/log",
    }
    failure = Failure.model_validate(details)
    assert (failure.try_number, failure.details) == (3, details)
