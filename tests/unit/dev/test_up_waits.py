"""`make up` waits for an Airflow that answers late, and gives up on one that never does."""

import httpx
import pytest

from dev.services.errors import ServiceError
from dev.up.client import wait_until


def answer(status: int) -> httpx.HTTPStatusError:
    """What an answer of this status raises."""
    response = httpx.Response(status, request=httpx.Request("GET", "http://127.0.0.1/sqp-sync/api/headlines"))
    with pytest.raises(httpx.HTTPStatusError) as error:
        response.raise_for_status()
    return error.value


@pytest.mark.parametrize("trouble", [httpx.ReadTimeout("timed out"), httpx.ConnectError("refused"), answer(503)])
def test_a_late_answer_is_waited_for(trouble: Exception) -> None:
    answers: list[Exception | bool] = [trouble, True]

    def holds() -> bool:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    wait_until(holds, 60, "answer")
    assert answers == []


def test_an_answer_that_never_comes_ends_in_a_sentence_on_where_to_look() -> None:
    with pytest.raises(ServiceError, match=r"no Dag sqp_weekly_sync within 0 s\. .* see \.dev/log/scheduler\.log"):
        wait_until(lambda: False, 0, "Dag sqp_weekly_sync")


def test_a_refusal_is_no_late_answer() -> None:
    def refuse() -> bool:
        raise answer(401)

    with pytest.raises(httpx.HTTPStatusError, match="401"):
        wait_until(refuse, 60, "answer")
