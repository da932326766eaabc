"""The entry point ``apache_airflow_provider``: what Airflow lists under "Providers" when the wheel is installed."""

from __future__ import annotations

from typing import Any

from sqp_provider import __version__

INTEGRATION = "Amazon Search Query Performance"

OPERATORS = (
    "doctor",
    "extract",
    "feed",
    "freshness",
    "lineage",
    "links",
    "load",
    "log_finish",
    "log_start",
    "metrics",
    "migrate",
    "owner",
    "prove",
    "publish",
    "restatements",
    "retention",
    "stage",
    "staged_period",
    "stale_runs",
    "sync_run",
    "together",
    "validate",
)
LINKS = ("SyncPageLink", "StartedRunLink", "BigQueryJobLink")
HOOKS = ("alert_channel", "bigquery", "postgres")


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description in the shape of Airflow's ``provider_info.schema.json``.

    The plugin is not among it: it has an entry point of its own, and Airflow would register it a second time.
    """
    return {
        "package-name": "airflow-provider-sqp",
        "name": "SQP Sync",
        "description": "Keeps Amazon Search Query Performance figures in Postgres equal to what BigQuery holds.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": INTEGRATION,
                "external-doc-url": "https://developer-docs.amazon.com/sp-api/docs/report-type-values-analytics",
                "tags": ["service"],
            }
        ],
        "operators": [_modules("operators", OPERATORS)],
        "hooks": [_modules("hooks", HOOKS)],
        "sensors": [_modules("sensors", ("freshness",))],
        "triggers": [_modules("triggers", ("bigquery_job", "freshness"))],
        "notifications": ["sqp_provider.notifications.notifier.AlertNotifier"],
        "extra-links": [f"sqp_provider.operators.links.{name}" for name in LINKS],
    }


def _modules(kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {"integration-name": INTEGRATION, "python-modules": [f"sqp_provider.{kind}.{name}" for name in names]}
