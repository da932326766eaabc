"""What becomes of each error of BigQuery's REST API, through Google's own client: our error, a retry, advice."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from sqp_provider.core.errors import SourceUnreachable, SourceUnusable, SyncError
from sqp_provider.failures import fails_plainly
from sqp_provider.hooks.bigquery import MISSING_ASKS, SqpBigQueryHook
from tests.google_server import JOBS, GoogleServer, failed_job, job_in, refusal

HEALS, FINAL = SourceUnreachable, SourceUnusable
AGAIN = "Airflow tries the task again."
RIGHTS = "Give the connection's account BigQuery Data Viewer, Job User"
GATEWAY = "<html><title>Bad Gateway</title></html>"
TABLE = "GET /bigquery/v2/projects/sqp-demo/datasets/amazon/tables/sqp"

VPC = (
    "VPC Service Controls: Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: aB3-xyz"
)
DISABLED = "BigQuery API has not been used in project 481 before or it is disabled. Enable it by visiting … then retry."
CUSTOM = "Custom quota exceeded: Your usage exceeded the custom quota for QueryUsagePerDay, set by your administrator."
FREE = "Quota exceeded: Your project exceeded quota for free query bytes scanned."
BILLING = "Billing has not been enabled for this project. Enable billing at https://console.cloud.google.com/billing."

FOUND = {
    "tableReference": {"projectId": "sqp-demo", "datasetId": "amazon", "tableId": "sqp"},
    "schema": {"fields": [{"name": "asin", "type": "STRING"}]},
}

REFUSED: dict[str, tuple[Any, type[SyncError], str]] = {
    "no right": (refusal(403, "accessDenied", "Access Denied: bigquery.jobs.create"), FINAL, RIGHTS),
    "no billing": (refusal(403, "billingNotEnabled", BILLING), FINAL, "Link a billing account"),
    "billing closed": (refusal(403, "forbidden", BILLING, "BILLING_DISABLED"), FINAL, "Link a billing account"),
    "blocked": (refusal(403, "blocked", "This operation is blocked."), FINAL, "Ask Google Cloud support why"),
    "too large": (refusal(403, "responseTooLarge", "Response too large to return."), FINAL, "not raw events"),
    "perimeter": (refusal(403, "policyViolation", VPC, "SECURITY_POLICY_VIOLATED"), FINAL, "VPC Service Controls or"),
    "no API": (refusal(403, "accessNotConfigured", DISABLED, "SERVICE_DISABLED"), FINAL, "Enable the BigQuery API"),
    "no API, generic": (refusal(403, "forbidden", DISABLED, "SERVICE_DISABLED"), FINAL, "Enable the BigQuery API"),
    "custom quota": (refusal(403, "quotaExceeded", CUSTOM), FINAL, "free again the next day"),
    "free bytes": (refusal(403, "quotaExceeded", FREE), FINAL, "have billing enabled"),
    "daily limit": (refusal(403, "dailyLimitExceeded", "Daily Limit Exceeded."), FINAL, "free again the next day"),
    "short quota": (refusal(403, "quotaExceeded", "Quota exceeded: too many table updates."), HEALS, AGAIN),
    "rate limit": (refusal(403, "rateLimitExceeded", "Exceeded rate limits: jobs.insert."), HEALS, AGAIN),
    "new 403": (refusal(403, "inventedTomorrow", "No."), FINAL, RIGHTS),
    "403 of a proxy": ((403, "<html>Forbidden by proxy</html>"), FINAL, RIGHTS),
    "login": (refusal(401, "authError", "Invalid Credentials"), FINAL, "Check the credentials"),
    "bad query": (refusal(400, "invalidQuery", "Syntax error at [1:8]"), FINAL, "Check source in sqp_config.yaml"),
    "bad request": (refusal(400, "invalid", "Invalid value at 'location'"), FINAL, "Check source in sqp_config.yaml"),
    "wrong API": (refusal(501, "notImplemented", "Not here."), FINAL, "Check api_endpoint"),
    "429": (refusal(429, "rateLimitExceeded", "Too many requests"), HEALS, AGAIN),
    "500": (refusal(500, "internalError", "An internal error occurred."), HEALS, AGAIN),
    "503": (refusal(503, "backendError", "Error encountered. Try again."), HEALS, AGAIN),
    "502 of a proxy": ((502, GATEWAY), HEALS, AGAIN),
    "408": ((408, "Request Timeout"), HEALS, AGAIN),
    "hung up": (None, HEALS, AGAIN),
}
"""What jobs.insert answers instead of a job."""

FAILED: dict[str, tuple[str, type[SyncError], str]] = {
    "accessDenied": ("Access Denied: Table sqp-demo:amazon.sqp", FINAL, RIGHTS),
    "backendError": ("Error encountered during execution.", HEALS, AGAIN),
    "billingNotEnabled": (BILLING, FINAL, "Link a billing account"),
    "billingTierLimitExceeded": ("Query exceeded resource limits.", FINAL, "Check source in sqp_config.yaml"),
    "blocked": ("This operation is blocked.", FINAL, "Ask Google Cloud support why"),
    "bytesBilledLimitExceeded": ("Query exceeded limit for bytes billed.", FINAL, "Raise source.maximum_bytes_billed"),
    "internalError": ("An internal error occurred.", HEALS, AGAIN),
    "invalidQuery": ("Syntax error at [1:8]", FINAL, "Check source in sqp_config.yaml"),
    "jobBackendError": ("Try again.", HEALS, AGAIN),
    "jobInternalError": ("Try again.", HEALS, AGAIN),
    "jobRateLimitExceeded": ("Try again.", HEALS, AGAIN),
    "notFound": ("Not found: Table sqp-demo:amazon.sqp", FINAL, "Check source.table, source.staging_dataset and"),
    "policyViolation": (VPC, FINAL, "VPC Service Controls or"),
    "quotaExceeded": (CUSTOM, FINAL, "free again the next day"),
    "rateLimitExceeded": ("Exceeded rate limits: too many concurrent queries.", HEALS, AGAIN),
    "resourceInUse": ("Table is being replaced.", HEALS, AGAIN),
    "resourcesExceeded": ("Resources exceeded during query execution.", FINAL, "a reservation with more slots"),
    "responseTooLarge": ("Response too large to return.", FINAL, "not raw events"),
    "stopped": ("Job execution was cancelled: User requested cancellation", FINAL, "Somebody cancelled the job"),
    "tableUnavailable": ("Something went wrong with the table you queried.", HEALS, AGAIN),
    "timeout": ("Job timed out.", HEALS, AGAIN),
}
"""The error of a job that was accepted, by its reason."""

pytestmark = pytest.mark.usefixtures("google")


def hook() -> SqpBigQueryHook:
    """One that gives up at once."""
    return SqpBigQueryHook(retry_seconds=0.01)


@fails_plainly
def extract(hook: SqpBigQueryHook) -> None:
    """What the stage does, and what Airflow sees of it."""
    job = hook.start_query(
        "select 1", job_id="job_1", location="US", parameters={}, labels={}, maximum_bytes_billed=None
    )
    hook.finish(job)


def assert_fails(becomes: type[SyncError], *said: str, hook: SqpBigQueryHook) -> None:
    """Airflow retries what heals, and nothing else."""
    with pytest.raises(AirflowException) as raised:
        extract(hook)
    assert type(raised.value.__cause__) is becomes
    assert isinstance(raised.value, AirflowFailException) is not becomes.heals
    for part in ("BigQuery job job_1", "The target is unchanged.", *said):
        assert part in str(raised.value)


@pytest.mark.parametrize("shape", REFUSED)
def test_a_call_that_is_refused_is_tried_again_only_if_its_reason_heals(google: GoogleServer, shape: str) -> None:
    answer, becomes, advice = REFUSED[shape]
    google.answers(JOBS, answer)
    assert_fails(becomes, advice, hook=hook())


@pytest.mark.parametrize("reason", FAILED)
def test_a_job_that_failed_is_tried_again_only_if_its_reason_heals(google: GoogleServer, reason: str) -> None:
    message, becomes, advice = FAILED[reason]
    google.answers(JOBS, failed_job(reason, message))
    assert_fails(becomes, advice, message.rstrip("."), hook=hook())


def test_a_job_that_somebody_cancelled_says_so(google: GoogleServer) -> None:
    google.answers(JOBS, failed_job("stopped", "Job execution was cancelled: User requested cancellation"))
    assert_fails(FINAL, "BigQuery job job_1 was cancelled: Job execution was cancelled", hook=hook())


def test_a_job_that_its_own_killed_task_cancelled_is_tried_again(google: GoogleServer) -> None:
    google.answers(JOBS, failed_job("stopped", "Job execution was cancelled: User requested cancellation"))
    google.answers(f"{JOBS}/job_1/cancel", (200, {"job": job_in("RUNNING")({})[1]}))
    killed = hook()
    killed.cancel("job_1", "US")
    assert_fails(HEALS, "because its task was killed", hook=killed)


def test_a_table_that_a_loader_is_replacing_is_asked_for_again(google: GoogleServer) -> None:
    google.answers(TABLE, refusal(404, "notFound", "Not found: Table sqp-demo:amazon.sqp"), times=3)
    google.answers(TABLE, (200, FOUND))
    assert hook().facts_of("amazon.sqp").columns == {"asin": "STRING NULLABLE"}
    assert len(google.asked(TABLE)) == 4


def test_a_table_that_stays_missing_is_final(google: GoogleServer) -> None:
    google.answers(TABLE, refusal(404, "notFound", "Not found: Table sqp-demo:amazon.sqp"))
    with pytest.raises(SourceUnusable, match=r"BigQuery table amazon\.sqp was refused.*Check source\.table"):
        hook().facts_of("amazon.sqp")
    assert len(google.asked(TABLE)) == MISSING_ASKS + 1


def test_a_right_that_is_missing_is_not_asked_for_again(google: GoogleServer) -> None:
    google.answers(TABLE, refusal(403, "accessDenied", "Access Denied: Table sqp-demo:amazon.sqp"))
    with pytest.raises(SourceUnusable, match="Access Denied"):
        hook().facts_of("amazon.sqp")
    assert len(google.asked(TABLE)) == 1


TOKEN: dict[str, tuple[Any, type[SyncError], str]] = {
    "revoked key": ((400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}), FINAL, "JWT"),
    "deleted account": ((401, {"error": "invalid_client", "error_description": "not found"}), FINAL, "not found"),
    "outage": ((503, "try later"), HEALS, "try later"),
    "hung up": (None, HEALS, "Connection aborted"),
}
"""What the token endpoint answers to a login."""


@pytest.mark.parametrize("shape", TOKEN)
def test_a_login_is_tried_again_only_if_google_says_that_it_may_work_later(
    google: GoogleServer, key_file: dict[str, str], shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, becomes, said = TOKEN[shape]
    monkeypatch.setenv("AIRFLOW_CONN_SQP_BIGQUERY", google.connection_of_account(key_file))
    google.answers("POST /token", answer)
    assert_fails(becomes, said, AGAIN if becomes is HEALS else "Check the credentials", hook=hook())
    assert google.asked(JOBS) == []


def test_a_login_that_works_is_sent_with_every_call(
    google: GoogleServer, key_file: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_BIGQUERY", google.connection_of_account(key_file))
    assert hook().rows("select 1 as one") == [{"one": 1}]
    calls = [seen for seen in google.seen if seen.path != "/token"]
    assert {seen.headers["authorization"] for seen in calls} == {"Bearer let me in"}


def test_a_small_query_says_where_it_runs_and_what_it_is_for(google: GoogleServer) -> None:
    hook().rows("select 1", location="US", labels={"purpose": "totals"})
    (query,) = google.asked("POST /bigquery/v2/projects/sqp-demo/queries")
    assert (query.body["location"], query.body["labels"]) == ("US", {"product": "sqp-sync", "purpose": "totals"})
