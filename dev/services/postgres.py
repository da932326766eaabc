"""Embedded PostgreSQL 18 on a loopback port: the sync's target and Airflow's metadata database.

`python -m dev.services.postgres` becomes the server, as supervisord wants it.
"""

import os
import secrets
import shutil
import subprocess
from typing import Any

from dev.checkout import LOGS, PROJECT_BIN, ROOT
from dev.services import place
from dev.services.errors import ServiceError, tail
from dev.services.ports import HOST, remembered

TARGET_DATABASE = "sqp"
METADATA_DATABASE = "airflow"
SUPERUSER = "postgres"

# PostgreSQL's defaults otherwise, fsync included: what is measured here should hold elsewhere.
SETTINGS = (f"--listen-addresses={HOST}", "--unix-socket-directories=", "--max-connections=200", "--timezone=UTC")


class Postgres:
    """The server of this checkout."""

    def __init__(self) -> None:
        self.binaries, self.folder, self.account = place.find()
        self.data = self.folder / "postgres"
        self.password = self.folder / "postgres.password"
        self.migrated = self.folder / "postgres.migrated"

    def dsn(self, database: str, scheme: str = "postgresql") -> str:
        """Return the URL of a database, `postgresql://postgres:…@127.0.0.1:24117/sqp`."""
        # With a password: on loopback every local user could otherwise be superuser.
        login = f"{SUPERUSER}:{self.password.read_text().strip()}"
        return f"{scheme}://{login}@{HOST}:{remembered()['postgres']}/{database}"

    def create(self) -> None:
        """Create the cluster with both databases unless it is there: aside, so that what is there is whole."""
        if self.data.exists():
            return
        unfinished = self.data.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        if self.account:
            os.chown(unfinished, self.account["user"], self.account["group"])
        self.migrated.unlink(missing_ok=True)
        self.password.unlink(missing_ok=True)
        self.password.write_text(secret := secrets.token_hex(12))
        options = ("--username", SUPERUSER, "--auth=scram-sha-256", "--pwprompt", "--no-instructions")
        # The password is 96 random bits: no attack is slowed down by hashing it 4,096 times at each connection.
        quick = ("--set", "scram_iterations=1")
        locale = ("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")
        self._run("initdb", "-D", unfinished, *options, *locale, *quick, said=f"{secret}\n{secret}\n")
        databases = f"create database {TARGET_DATABASE}\ncreate database {METADATA_DATABASE}\n"
        self._run("postgres", "--single", "-D", unfinished, "postgres", said=databases)
        unfinished.rename(self.data)

    def answers(self) -> bool:
        """Return whether the server accepts connections."""
        where = (f"--host={HOST}", f"--port={remembered()['postgres']}")
        return subprocess.run([self.binaries / "pg_isready", "--quiet", "--timeout=3", *where]).returncode == 0

    def become(self) -> None:
        """Turn this process into the server."""
        program, port = str(self.binaries / "postgres"), f"--port={remembered()['postgres']}"
        if self.account:
            os.setgroups([])
            os.setgid(self.account["group"])
            os.setuid(self.account["user"])
        os.chdir("/")
        os.execv(program, [program, "-D", str(self.data), port, *SETTINGS])  # noqa: S606 - that is the point

    def pending_migration(self) -> str | None:
        """Return the installed version of Airflow, `3.3.2`, unless the metadata database was migrated to it."""
        (found,) = PROJECT_BIN.parent.glob("lib/python*/site-packages/apache_airflow-*.dist-info")
        version = found.stem.partition("-")[2]
        return None if self.migrated.exists() and self.migrated.read_text() == version else version

    def migrate(self, version: str) -> None:
        """Bring the metadata database to a version of Airflow."""
        command = ["/bin/sh", "-c", ". .dev/env; exec airflow db migrate"]
        with (log := LOGS / "airflow-db-migrate.log").open("wb") as output:
            done = subprocess.run(command, cwd=ROOT, stdout=output, stderr=output)
        if done.returncode != 0:
            raise ServiceError(f"'airflow db migrate' failed. Run 'make services' to try again.\n{tail(log)}")
        self.migrated.write_text(version)

    def _run(self, *command: object, said: str) -> None:
        """Run one of PostgreSQL's programs as its account. Without a terminal, it reads a password from its input."""
        arguments = [str(self.binaries / str(command[0])), *map(str, command[1:])]
        how: dict[str, Any] = {"input": said.encode(), "cwd": "/", "start_new_session": True, **self.account}
        with (log := LOGS / "initdb.log").open("ab") as output:
            done = subprocess.run(arguments, stdout=output, stderr=output, **how)
        if done.returncode != 0:
            raise ServiceError(f"{command[0]} could not create {self.data}.\n{tail(log)}")


if __name__ == "__main__":
    Postgres().become()
