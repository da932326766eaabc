"""The file `.dev/env`: after `. .dev/env` every command of the project finds this checkout's services."""

import json
import os
import shlex

from dev.checkout import AIRFLOW_HOME, ENVIRONMENT_FILE, PROJECT_BIN, ROOT
from dev.services.bigquery import BigQuery
from dev.services.ports import HOST, Ports
from dev.services.postgres import METADATA_DATABASE, SUPERUSER, TARGET_DATABASE, Postgres

# What a shell must compute itself. Sourcing the file twice must not grow PATH, and a proxy of the machine
# must not be asked for 127.0.0.1.
SHELL_LINES = f"""
sqp_bin={shlex.quote(str(PROJECT_BIN))}
case ":$PATH:" in *:"$sqp_bin":*) ;; *) export PATH="$sqp_bin:$PATH" ;; esac
case ",${{NO_PROXY-}}," in *,{HOST},*) ;; *) export NO_PROXY={HOST},localhost,"${{NO_PROXY-}}" ;; esac
export no_proxy="$NO_PROXY"
unset sqp_bin
"""


def variables(postgres: Postgres, bigquery: BigQuery, ports: Ports) -> dict[str, str]:
    """Return what the project, its tests and Airflow read from the environment."""
    return {
        "SQP_POSTGRES_DSN": postgres.dsn(TARGET_DATABASE),
        **bigquery.emulator.variables,
        "AIRFLOW_CONN_SQP_POSTGRES": _postgres_connection(postgres, ports),
        "PYTHONPATH": str(ROOT / "plugins"),
        **_airflow(postgres, ports),
    }


def write(values: dict[str, str]) -> None:
    """Write the environment file, readable by its owner only: it holds the database's password."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in values.items()]
    unfinished = ENVIRONMENT_FILE.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("".join(lines) + SHELL_LINES.lstrip())
    unfinished.rename(ENVIRONMENT_FILE)


def _postgres_connection(postgres: Postgres, ports: Ports) -> str:
    connection = {
        "conn_type": "postgres",
        "host": HOST,
        "port": ports.recall("postgres"),
        "login": SUPERUSER,
        "password": postgres.password(),
        "schema": TARGET_DATABASE,
    }
    return json.dumps(connection)


def _airflow(postgres: Postgres, ports: Ports) -> dict[str, str]:
    api = ports.recall("airflow_api")
    return {
        "AIRFLOW_HOME": str(AIRFLOW_HOME),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.dsn(METADATA_DATABASE, "postgresql+psycopg2"),
        # Only `airflow standalone` and its like listen on these; two checkouts can do so at once.
        "AIRFLOW__API__PORT": str(api),
        "AIRFLOW__API__BASE_URL": f"http://localhost:{api}",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports.recall("airflow_worker_log")),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports.recall("airflow_trigger_log")),
    }
