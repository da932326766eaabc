"""The file `.dev/env`: after `. .dev/env` every command of the project finds this checkout's services."""

import shlex

from dev.checkout import AIRFLOW_HOME, ENVIRONMENT_FILE, PROJECT_BIN, ROOT, STATE_BIN
from dev.services import airflow
from dev.services.bigquery import Emulator
from dev.services.ports import HOST, remembered
from dev.services.postgres import METADATA_DATABASE, TARGET_DATABASE, Postgres

PLUGINS = ROOT / "plugins"

# What a shell must compute itself. Sourcing the file twice must not grow PATH, and a proxy of the machine
# must not be asked for 127.0.0.1. A psql of the machine comes before PostgreSQL's own, the sqp of a wheel in .venv
# before that of the checkout.
SHELL_LINES = """
sqp_bin={project} sqp_own={own} sqp_postgres={postgres}
case ":$PATH:" in *:"$sqp_own":*) ;; *) export PATH="$sqp_own:$PATH" ;; esac
case ":$PATH:" in *:"$sqp_bin":*) ;; *) export PATH="$sqp_bin:$PATH" ;; esac
case ":$PATH:" in *:"$sqp_postgres":*) ;; *) export PATH="$PATH:$sqp_postgres" ;; esac
case ",${{NO_PROXY-}}," in *,{host},*) ;; *) export NO_PROXY={host},localhost,"${{NO_PROXY-}}" ;; esac
export no_proxy="$NO_PROXY"
unset sqp_bin sqp_own sqp_postgres
"""

# The command line of the checkout, which is not installed, so that nothing else has made a program of it.
SQP = """#!/bin/sh
PYTHONPATH={plugins}${{PYTHONPATH:+:$PYTHONPATH}} exec {python} -m sqp_provider "$@"
"""


def write(postgres: Postgres, emulator: Emulator) -> None:
    """Write what the project, its tests and Airflow read from the environment."""
    ports = remembered()
    variables = {
        "SQP_POSTGRES_DSN": postgres.dsn(TARGET_DATABASE),
        "AIRFLOW_CONN_SQP_POSTGRES": postgres.dsn(TARGET_DATABASE, "postgres"),
        **emulator.variables,
        "PYTHONPATH": PLUGINS,
        "AIRFLOW_HOME": AIRFLOW_HOME,
        "AIRFLOW__CORE__DAGS_FOLDER": ROOT / "dags",
        "AIRFLOW__CORE__PLUGINS_FOLDER": PLUGINS,
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
    folders = {
        "project": shlex.quote(str(PROJECT_BIN)),
        "own": shlex.quote(str(STATE_BIN)),
        "postgres": shlex.quote(str(postgres.binaries)),
    }
    write_program()
    unfinished.write_text("".join(lines) + SHELL_LINES.format(host=HOST, **folders).lstrip())
    unfinished.rename(ENVIRONMENT_FILE)


def write_program() -> None:
    """Write the program `sqp`, which every shell finds that has read the environment."""
    STATE_BIN.mkdir(exist_ok=True)
    program = STATE_BIN / "sqp"
    unfinished = program.with_suffix(".unfinished")
    unfinished.write_text(
        SQP.format(plugins=shlex.quote(str(PLUGINS)), python=shlex.quote(str(PROJECT_BIN / "python")))
    )
    unfinished.chmod(0o755)
    unfinished.rename(program)
