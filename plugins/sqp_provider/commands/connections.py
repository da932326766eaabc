"""Airflow's connections, for who is not a task."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from sqp_provider.core.errors import InvalidSettings, SyncError
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.settings import Settings

_PROCESS_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


@contextmanager
def beside_airflow(module: str) -> Iterator[None]:
    """See the connections of Airflow's own database, and keep what Airflow and the hooks log out of the result.

    :param module: what is used, and imports Airflow.
    """
    import structlog

    def drop(logger: Any, method: str, event: Any) -> Any:
        raise structlog.DropEvent

    # Airflow gives its own connections only to a process that says it is none of a task.
    before = os.environ.get(_PROCESS_CONTEXT)
    os.environ.setdefault(_PROCESS_CONTEXT, "server")
    logging.disable(logging.CRITICAL)
    import_module(module)  # with Airflow, which sets its own processors
    processors: Any = structlog.get_config()["processors"]  # each logger that there is already shares this list
    processors.insert(0, drop)
    try:
        yield
    finally:
        processors.remove(drop)
        logging.disable(logging.NOTSET)
        if before is None:
            del os.environ[_PROCESS_CONTEXT]


def airflow_of(feeds: Feeds) -> str:
    """Return the name of this Airflow: ``https://airflow.example.com``."""
    with beside_airflow("sqp_provider.operators.owner"):
        from sqp_provider.operators.owner import owner_of

        return owner_of(feeds.defaults).airflow


def dsns_of(feeds: Mapping[str, Settings]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the database that each feed's connection leads to, and why that of the others is not known."""
    dsns: dict[str, str] = {}
    unknown: dict[str, str] = {}
    with beside_airflow("sqp_provider.hooks.postgres"):
        from airflow.sdk.exceptions import AirflowNotFoundException

        from sqp_provider.hooks.postgres import SqpPostgresHook

        for name, settings in feeds.items():
            target = settings.target
            try:
                dsns[name] = SqpPostgresHook(target, target.migrating_conn_id).dsn()
            except SyncError as error:
                found = str(error).partition(" The target is unchanged.")[0]  # what follows is for a task
                unknown[name] = f"{found} The target is unchanged. Put that right and repeat the command."
            except AirflowNotFoundException as error:
                unknown[name] = (
                    f"{error}. The target is unchanged. Create the connection in Airflow, or correct target.conn_id in "
                    f"{_place(settings)}."
                )
    return dsns, unknown


def _place(settings: Settings) -> str:
    """Return where the settings of a feed are: ``feeds.acme_us of sqp_config.yaml``."""
    return f"feeds.{settings.feed} of sqp_config.yaml" if settings.feed else "sqp_config.yaml"


def refuse_several_connections(feeds: Mapping[str, Settings]) -> None:
    """Stop if one dsn is given for feeds that lie behind several connections.

    :raises InvalidSettings: names the connections.
    """
    names = dict.fromkeys(settings.target.migrating_conn_id for settings in feeds.values())
    if len(names) > 1:
        raise InvalidSettings(
            f"--dsn, or SQP_POSTGRES_DSN, leads to one database, and these feeds have the connections "
            f"{', '.join(names)}. Nothing was changed. Leave it out, so that each feed is reached over its own "
            "connection in Airflow, or name feeds of one connection with --feed."
        )
