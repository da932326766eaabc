"""The operating system account that PostgreSQL runs as.

PostgreSQL refuses to run as root. Then it runs as `nobody`: no account is created and no permission of
an existing folder is changed.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.services.errors import ServiceError


@dataclass(frozen=True)
class Account:
    """Who runs PostgreSQL: the caller, or `nobody` when the caller is root."""

    uid: int
    gid: int
    is_caller: bool

    @classmethod
    def of_caller(cls) -> "Account":
        """Return the account for whoever runs this program."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), is_caller=True)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as missing:
            raise ServiceError(
                "PostgreSQL does not run as root, and this system has no account 'nobody' to run it as. "
                "Run make as an ordinary user."
            ) from missing
        return cls(nobody.pw_uid, nobody.pw_gid, is_caller=False)

    def as_arguments(self) -> dict[str, Any]:
        """Return the arguments of subprocess that start a program as this account."""
        return {} if self.is_caller else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_run(self, *command: str | Path) -> bool:
        """Return whether a command succeeds for the account, by running it."""
        try:
            subprocess.run(command, check=True, capture_output=True, cwd="/", **self.as_arguments())
        except (PermissionError, subprocess.CalledProcessError):
            return False
        return True

    def can_enter(self, folder: Path) -> bool:
        """Return whether the account may open files below a folder."""
        return self.can_run("test", "-x", folder)

    def own(self, folder: Path) -> None:
        """Create a folder that only this account may enter."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if not self.is_caller:
            os.chown(folder, self.uid, self.gid)

    def write_secret(self, file: Path, secret: str) -> None:
        """Write a file that only this account, and root, may read."""
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(secret + "\n")
        if not self.is_caller:
            os.chown(file, self.uid, self.gid)
