"""The file `.dev/env`: after `. .dev/env` every command of the project finds this checkout's services."""

import shlex

from dev.checkout import AIRFLOW_HOME, ENVIRONMENT_FILE, PROJECT_BIN, ROOT
from dev.services import airflow
from dev.services.bigquery import Emulator
from dev.services.ports import HOST, remembered
from dev.services.postgres import METADATA_DATABASE, TARGET_DATABASE, Postgres

# What a shell must compute itself. Sourcing the file twice must not grow PATH, and a proxy of the machine
# must not be asked for 127.0.0.1. A psql of the machine comes before PostgreSQL's own.
SHELL_LINES = """
sqp_bin={project} sqp_postgres={postgres}
case ":$PATH:" in *:"$sqp_bin":*) ;; *) export PATH="$sqp_bin:$PATH" ;; esac
case ":$PATH:" in *:"$sqp_postgres":*) ;; *) export PATH="$PATH:$sqp_postgres" ;; esac
case ",${{NO_PROXY-}}," in *,{host},*) ;; *) export NO_PROXY={host},localhost,"${{NO_PROXY-}}" ;; esac
export no_proxy="$NO_PROXY"
unset sqp_bin sqp_postgres
"""


def write(postgres: Postgres, emulator: Emulator) -> None:
    """Write what the project, its tests and Airflow read from the environment."""
    ports = remembered()
    variables = {
        "SQP_POSTGRES_DSN": postgres.dsn(TARGET_DATABASE),
        "AIRFLOW_CONN_SQP_POSTGRES": postgres.dsn(TARGET_DATABASE, "postgres"),
        **emulator.variables,
        "PYTHONPATH": ROOT / "plugins",
        "AIRFLOW_HOME": AIRFLOW_HOME,
        "AIRFLOW__CORE__DAGS_FOLDER": ROOT / "dags",
        "AIRFLOW__CORE__PLUGINS_FOLDER": ROOT / "plugins",
        "AIRFLOW__CORE__LOAD_EXAMPLES": False,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.dsn(METADATA_DATABASE, "postgresql+psycopg2"),
        # Only `make up`, `airflow standalone` and their like listen on these; two checkouts can do so at once.
        "AIRFLOW__API__PORT": ports["airflow_api"],
        "AIRFLOW__API__BASE_URL": airflow.url(),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": ports["airflow_worker_log"],
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": ports["airflow_trigger_log"],
    }
    lines = [f"export {name}={shlex.quote(str(value))}\n" for name, value in variables.items()]
    unfinished = ENVIRONMENT_FILE.with_suffix(".unfinished")
    folders = {"project": shlex.quote(str(PROJECT_BIN)), "postgres": shlex.quote(str(postgres.binaries))}
    unfinished.write_text("".join(lines) + SHELL_LINES.format(host=HOST, **folders).lstrip())
    unfinished.rename(ENVIRONMENT_FILE)
