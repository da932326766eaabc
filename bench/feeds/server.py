"""The Airflow that is measured: that of the tests, with Airflow's own defaults instead of their quick decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests import owned
from tests.e2e import workers
from tests.e2e.airflow_server import LOCAL, AirflowServer
from tests.fixtures import connection_to

EXECUTORS = ("local", "celery")
QUICK = tuple(f"AIRFLOW__{section}__" for section in ("SCHEDULER", "WORKERS", "DAG_PROCESSOR"))
PATIENCE = "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"
NEEDED_BY_CELERY = ("AIRFLOW__CELERY__BROKER_URL", "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG")
WORKERS = workers.WORKERS


class MeasuredServer(AirflowServer):
    """:param given: environment variables of Airflow, after all others."""

    def __init__(self, home: Path, metadata_dsn: str, given: Mapping[str, str], **other: Any) -> None:
        super().__init__(home, metadata_dsn, {}, **other)
        quick = [name for name in self.environment if name.startswith(QUICK) or name == PATIENCE]
        for name in quick:
            del self.environment[name]
        self.environment |= given


@contextmanager
def database(server_dsn: str, name: str, template: str = "template0") -> Iterator[str]:
    """Create a database, and drop it at the end."""
    with psycopg.connect(server_dsn, autocommit=True) as server:
        create = "create database {} template {}"
        server.execute(sql.SQL(create).format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield make_conninfo(server_dsn, dbname=name)
        finally:
            server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def airflow(
    folder: Path,
    metadata: str,
    target: str,
    configuration: dict[str, Any],
    executor: str,
    parallelism: int,
    given: dict[str, str],
) -> MeasuredServer:
    """Return an Airflow with the feeds of a configuration; enter it to start it.

    :param parallelism: how many tasks run at once; two Celery workers share them.
    :param given: settings such as ``{"AIRFLOW__SCHEDULER__PARSING_PROCESSES": "1"}``.
    """
    config = folder / "sqp_config.yaml"
    config.write_text(yaml.safe_dump(configuration, sort_keys=False))
    environment = {
        "SQP_CONFIG": str(config),
        "AIRFLOW_CONN_SQP_POSTGRES": connection_to(target),
        "AIRFLOW__CORE__PARALLELISM": str(parallelism),
    }
    home = folder / "home"
    if executor == "local":
        return MeasuredServer(home, metadata, environment | given, executor=LOCAL)
    redis = workers.Workers.on_a_free_port(folder / "workers", slots=max(1, parallelism // len(WORKERS)))
    environment |= {name: redis.environment[name] for name in NEEDED_BY_CELERY}
    return MeasuredServer(home, metadata, environment | given, executor=workers.EXECUTOR, besides=redis.commands)


def metadata_template(server_dsn: str) -> str:
    """Return the name of an empty metadata database, which the tests use too."""
    return owned.metadata_template(server_dsn)
