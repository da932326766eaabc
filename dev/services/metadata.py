"""Airflow's metadata database: migrated once for each version of Airflow."""

import os
import subprocess
from collections.abc import Mapping

from dev.checkout import AIRFLOW_HOME, LOGS, PROJECT_BIN
from dev.services.errors import ServiceError, tail
from dev.services.postgres import METADATA_DATABASE, Postgres

ASK_VERSION = "from importlib.metadata import version; print(version('apache-airflow'))"
ASK_MIGRATED = "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"


def pending_version(postgres: Postgres) -> str | None:
    """Return the installed version of Airflow that the database has not been migrated to, or None.

    The database carries the answer as its comment, so that a database made anew is migrated anew.
    """
    installed = subprocess.run([PROJECT_BIN / "python", "-c", ASK_VERSION], capture_output=True, text=True)
    if installed.returncode != 0:
        reason = installed.stderr.strip()
        raise ServiceError(f"no Airflow in {PROJECT_BIN.parent}. Run 'make install'.\n{reason}")
    version = installed.stdout.strip()
    return None if postgres.query(METADATA_DATABASE, ASK_MIGRATED) == f"airflow {version}" else version


def migrate(postgres: Postgres, version: str, variables: Mapping[str, str]) -> None:
    """Run `airflow db migrate` and record the version it brought the database to."""
    AIRFLOW_HOME.mkdir(exist_ok=True)
    log = LOGS / "airflow-db-migrate.log"
    with log.open("wb") as output:
        environment = {**os.environ, **variables}
        command = [str(PROJECT_BIN / "airflow"), "db", "migrate"]
        done = subprocess.run(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise ServiceError(f"'airflow db migrate' failed. Run 'make services' to try again.\n{tail(log)}")
    postgres.query(METADATA_DATABASE, f"comment on database {METADATA_DATABASE} is 'airflow {version}'")
