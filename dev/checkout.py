"""Where this checkout keeps its things. Everything but the data of a root-run PostgreSQL lives below it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".dev"
LOGS = STATE / "log"
ENVIRONMENT_FILE = STATE / "env"
AIRFLOW_HOME = STATE / "airflow"
PROJECT_BIN = ROOT / ".venv" / "bin"
STATE_BIN = STATE / "bin"
