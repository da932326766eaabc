"""What BigQuery's errors mean: whether a retry can help, and what to do if none can."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import grpc
import requests.exceptions
from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors

from sqp_provider.core.errors import SnapshotExpired, SourceUnreachable, SourceUnusable, SyncError

# The reasons are those of BigQuery's page "Error messages". They say more than the HTTP status.
_HEALING = {
    "backendError",
    "internalError",
    "jobBackendError",
    "jobInternalError",
    "jobRateLimitExceeded",
    "quotaExceeded",
    "rateLimitExceeded",
    "resourceInUse",
    "tableUnavailable",
    "timeout",
}
_CREDENTIALS = "Check the credentials of the connection source.conn_id names."
_REMEDIES = {
    "accessDenied": "Give the connection's account BigQuery Data Viewer, Job User and Read Session User, "
    "and Data Editor on the staging dataset.",
    "accessNotConfigured": "Enable the BigQuery API and the BigQuery Storage API in the connection's project, "
    "wait some minutes, and clear the task.",
    "billingNotEnabled": "Link a billing account to the connection's project in Google Cloud, and clear the task.",
    "blocked": "BigQuery has blocked this operation for the project. Ask Google Cloud support why, and clear the task "
    "when it is allowed again.",
    "bytesBilledLimitExceeded": "Raise source.maximum_bytes_billed, or partition the table by its date.",
    "lastingQuota": "This quota is free again the next day (or, for free query bytes, the next month). Raise it under "
    "Quotas in Google Cloud or have billing enabled, and clear the task.",
    "notFound": "Check source.table, source.staging_dataset and source.location in sqp_config.yaml, and that both "
    "exist in one location.",
    "notImplemented": "Check api_endpoint and storage_api_endpoint in the extra of the connection that source.conn_id "
    "names.",
    "policyViolation": "A policy of your organization (VPC Service Controls or an organization policy) forbids it. "
    "Have its administrator allow the connection's account from Airflow's workers; the audit log explains the "
    "identifier above.",
    "resourcesExceeded": "One period needs more memory than BigQuery gives a query. Partition and cluster the source "
    "table, or give the project a reservation with more slots, and clear the task.",
    "responseTooLarge": "The result is larger than BigQuery allows. Check that source.table holds one row for each "
    "query, ASIN and period and not raw events.",
    "stopped": "Somebody cancelled the job, or a time limit of the project ended it; BigQuery's job history says who. "
    "Clear the task to run it again.",
    "unauthorized": _CREDENTIALS,
}
_OF_ERROR_INFO = {
    "BILLING_DISABLED": "billingNotEnabled",
    "SECURITY_POLICY_VIOLATED": "policyViolation",
    "SERVICE_DISABLED": "accessNotConfigured",
}
"""What all of Google's APIs call it, where BigQuery's own reason may be a mere ``forbidden``."""

_OF_STATUS = {
    401: "unauthorized",
    403: "accessDenied",
    404: "notFound",
    501: "notImplemented",
}
"""What a status means whose reason is missing or unknown. A 403 heals only if its reason is known to heal."""

_HEALING_STATUS = {408, 409, 429, 499}
"""Timeout, conflict, too many requests, and a call that a lost connection cancelled."""

_LASTING_QUOTA = re.compile("custom quota|free query bytes", re.IGNORECASE)
"""Quotas of a day or a month. Others with the reason ``quotaExceeded`` are free again after minutes."""

_ELSE = "Check source in sqp_config.yaml."
_AGAIN = "Airflow tries the task again. If it fails again, clear the task when BigQuery is back."


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn Google's exceptions into ours: SourceUnusable, or SourceUnreachable if a retry may help.

    ``explained("BigQuery job x")`` says of a cancelled job: ``BigQuery job x was cancelled: User requested
    cancellation. The target is unchanged. …``
    """
    try:
        yield
    except SyncError:
        raise
    except google_errors.GoogleAPIError as error:
        reason = reason_of(error)
        if _heals(error, reason):
            raise SourceUnreachable(_message(what, "did not succeed", error, _AGAIN)) from error
        outcome = "was cancelled" if reason == "stopped" else "was refused"
        raise SourceUnusable(_message(what, outcome, error, _REMEDIES.get(reason, _ELSE))) from error
    except (requests.exceptions.RequestException, grpc.RpcError, auth_errors.TransportError, OSError) as error:
        raise SourceUnreachable(_message(what, "did not succeed", error, _AGAIN)) from error
    except auth_errors.GoogleAuthError as error:
        if error.retryable:
            raise SourceUnreachable(_message(what, "did not succeed", error, _AGAIN)) from error
        raise SourceUnusable(_message(what, "was refused", error, _CREDENTIALS)) from error


def expired(snapshot: str) -> SnapshotExpired:
    """Return the error for a snapshot that is not there any more."""
    return SnapshotExpired(
        f"snapshot {snapshot} is gone, because snapshots expire after source.snapshot_hours. "
        "The target is unchanged. Clear 'extract' to take a new snapshot."
    )


def is_missing(error: BaseException | None) -> bool:
    """Return whether Google says that a table or dataset is missing, or whether that is what an error of ours says."""
    return error is not None and (isinstance(error, google_errors.NotFound) or is_missing(error.__cause__))


def reason_of(error: google_errors.GoogleAPIError) -> str:
    """Return BigQuery's reason, ``rateLimitExceeded``, or the one that the status stands for; empty if unknown."""
    if isinstance(error, google_errors.RetryError) and isinstance(error.cause, google_errors.GoogleAPIError):
        return reason_of(error.cause)
    if found := _OF_ERROR_INFO.get(getattr(error, "reason", None) or ""):
        return found
    reasons = [detail.get("reason") for detail in getattr(error, "errors", ()) if isinstance(detail, Mapping)]
    reason = str(reasons[0]) if reasons else ""
    if reason == "dailyLimitExceeded" or (reason == "quotaExceeded" and _LASTING_QUOTA.search(str(error))):
        return "lastingQuota"
    known = reason in _HEALING or reason in _REMEDIES
    return reason if known else _OF_STATUS.get(getattr(error, "code", None) or 0, reason)


def _heals(error: google_errors.GoogleAPIError, reason: str) -> bool:
    if reason in _HEALING or reason in _REMEDIES:
        return reason in _HEALING
    status = getattr(error, "code", None) or 0
    return status in _HEALING_STATUS or not 400 <= status < 500


def _message(what: str, outcome: str, error: Exception, remedy: str) -> str:
    return f"{what} {outcome}: {said_by(error)}. The target is unchanged. {remedy}"


def said_by(error: Exception) -> str:
    """Return what Google says, in one line without the full stop at its end."""
    said: object = error
    if isinstance(error, google_errors.RetryError) and error.cause is not None:
        said = error.cause  # it says itself only how long the client tried
    elif isinstance(error, auth_errors.GoogleAuthError) and error.args:
        said = error.args[0]
    return " ".join(str(getattr(said, "message", said)).split()).rstrip(".")[:600]
