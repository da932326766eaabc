"""Why a run failed, in the shape of ``sync_log.error_details``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Failure(BaseModel):
    """Why a run failed.

    ``Failure(stage="load", type="SnapshotExpired", message="snapshot … is gone: …")``
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    stage: str | None
    """The task id of the failed stage; None if no stage failed."""
    type: str
    """The class of the error, or ``Killed``, ``Stale``, ``Unknown``."""
    message: str
    traceback: Sequence[str] = ()
    """The last lines of the traceback."""
    try_number: int | None = Field(default=None, validation_alias="try", serialization_alias="try")
    log_url: str | None = None

    @classmethod
    def of(cls, stage: str, error: BaseException) -> Failure:
        """Return the failure of a stage with one of our errors; its message says everything, so no traceback."""
        return cls(stage=stage, type=type(error).__name__, message=str(error))

    @property
    def was_reported(self) -> bool:
        """Whether a stage left its error; a stage that was killed, or marked by a person, left none."""
        return self.type != "Killed"

    @property
    def details(self) -> dict[str, Any]:
        """``{"stage": "load", "type": "SnapshotExpired", "message": …, "traceback": […], "try": 1, "log_url": …}``."""
        return self.model_dump(mode="json", by_alias=True)
