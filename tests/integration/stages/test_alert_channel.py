"""A connection of several services: each is told once, whatever the others do."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from sqp_provider.core.settings import Settings
from tests.landing import Landing, report_row
from tests.stages import Stages
from tests.webhook import SECRET, Webhook, connection_with

WEEK = "weekly 2026-11-08..2026-11-14"
FAILED = f"SQP sync failed: {WEEK}"
RECOVERED = f"SQP sync recovered: {WEEK}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The settings with alerts on."""
    return settings.model_copy(update={"alerts": settings.alerts.model_copy(update={"conn_id": "sqp_alerts"})})


@pytest.fixture
def broken(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """A service that takes nothing, named before the one that works."""
    with Webhook() as broken, broken.refusing():
        monkeypatch.setenv("AIRFLOW_CONN_SQP_ALERTS", connection_with([broken.entry, webhook.entry]))
        yield broken


def test_a_working_service_hears_a_cause_once_while_another_is_broken(
    landing: Landing, stages: Stages, webhook: Webhook, broken: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    first = stages.sync("2026-11-08")
    with caplog.at_level(logging.INFO):
        stages.clear(first, "extract")
    assert "Alert already sent" in caplog.text
    landing.land(report_row("q"))
    stages.sync("2026-11-08")
    stages.sync("2026-11-08", force=True)
    assert (webhook.titles(), broken.titles()) == ([FAILED, RECOVERED], [])
    assert stages.query("select title from sent_alert where resolved_at is null") == []


@pytest.mark.usefixtures("broken")
def test_the_broken_one_is_warned_of_without_its_address(
    stages: Stages, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        stages.sync("2026-11-08")
    said = caplog.text + "".join(capsys.readouterr())
    assert f"Connection sqp_alerts: service 1 of 2 (JSON) did not accept it: {FAILED}" in said
    assert "service 2 of 2" not in said
    assert f"Alert sent: {FAILED}" in said
    assert "Alert not sent" not in said
    assert SECRET not in said
    assert "127.0.0.1" not in said


@pytest.mark.parametrize("other", [{"path": f"nosuch://{SECRET}"}, {"tag": "alerts"}])
def test_an_entry_that_names_no_service_keeps_nothing_from_the_others(
    stages: Stages,
    webhook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    other: dict[str, str],
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SQP_ALERTS", connection_with([webhook.entry, other]))
    stages.sync("2026-11-08")
    assert webhook.titles() == [FAILED]
    said = caplog.text + "".join(capsys.readouterr())
    assert "service 2 of 2 (no address that Apprise knows) did not accept it" in said
    assert SECRET not in said
