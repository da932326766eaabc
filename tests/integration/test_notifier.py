"""What the notifier sends, over a real webhook; ``tests/dags/test_notifier.py`` has it called by Airflow."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sqp_provider.notifications.notifier import AlertNotifier
from tests.webhook import SECRET, Webhook

RUN = SimpleNamespace(dag_id="report", run_id="scheduled__1")
"""Stands in for Airflow's run."""


def test_words_of_ones_own_are_templates(webhook: Webhook) -> None:
    words = {"title": "{{ dag_run.dag_id }} is late", "body": "See {{ dag_run.run_id }}."}
    AlertNotifier(conn_id="{{ channel }}", kind="warning", **words)({"dag_run": RUN, "channel": "sqp_alerts"})
    (message,) = webhook.messages
    assert (message["title"], message["message"]) == ("report is late", "See scheduled__1.")
    assert message["type"] == "warning"


def test_a_dags_own_callback_has_no_task(webhook: Webhook) -> None:
    AlertNotifier()({"dag_run": RUN, "reason": "task_failure"})
    (message,) = webhook.messages
    assert message["title"] == "report failed"
    assert message["message"].startswith("Reason: task_failure\nRun: scheduled__1. https://")


@pytest.mark.parametrize("broken", ["closed port", "no such connection"])
def test_a_broken_channel_is_a_warning_without_its_address(
    webhook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    broken: str,
) -> None:
    if broken == "closed port":
        webhook.close()
    else:
        monkeypatch.delenv("AIRFLOW_CONN_SQP_ALERTS")
    AlertNotifier()({"dag_run": RUN})
    said = caplog.text + "".join(capsys.readouterr())
    assert "Alert not sent" in said
    assert SECRET not in said


def test_a_kind_that_there_is_not_is_refused_when_the_dag_is_parsed() -> None:
    kind: Any = "panic"
    with pytest.raises(ValueError, match="kind 'panic': expected 'failed', 'warning' or 'recovered'"):
        AlertNotifier(kind=kind)
