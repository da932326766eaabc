"""The stand-ins for the images of docker-compose.yaml, built in the tests' own daemon, and Compose itself.

All of it comes from Debian's mirror and the Python package index.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from dev.checkout import ROOT, STATE
from tests.compose.daemon import FOLDER, environment

RECIPES = Path(__file__).with_name("images")
PACKAGES = (
    "ca-certificates",
    "curl",
    "dumb-init",
    "gosu",
    "procps",
    "python3",
    "python3-pip",
    "python3-venv",
    "redis-server",
)
"""What the images need of Debian 12, which has Python 3.11 as they do."""

COMPOSE = FOLDER / "plugin" / "usr" / "libexec" / "docker" / "cli-plugins" / "docker-compose"
"""Compose 2.26 of Debian 13: that of Debian 12 is too old for the file."""

IMAGE = re.compile(r"(?:image:|FROM) (?:apache/)?(airflow|postgres|python|redis):(\S+)$", re.MULTILINE)


def compose() -> Path:
    """Return the path of Compose, fetched once."""
    if not COMPOSE.exists():
        _debian("trixie", FOLDER / "plugin", "--variant=extract", "--include=docker-compose")
    return COMPOSE


def tags() -> dict[str, str]:
    """Return the tags of the images that docker-compose.yaml names, as the variables of images/compose.yaml."""
    found = IMAGE.findall((ROOT / "docker-compose.yaml").read_text())
    return {f"{name.upper()}_TAG": tag for name, tag in found}


def build(address: str) -> None:
    """Build the stand-ins; what has not changed comes from the daemon's cache."""
    context = FOLDER / "context"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(RECIPES, context)
    (context / "debian.tar").hardlink_to(_root())
    for name in ("requirements.txt", "requirements-devstack.txt"):
        shutil.copy(ROOT / name, context)
    shutil.copy(_pip("cert") or "/etc/ssl/certs/ca-certificates.crt", context / "certificates.crt")
    (context / "pip.conf").write_text(f"[global]\n{_index()}")
    for images in (["debian"], ["airflow", "postgres", "python", "redis"]):
        command = [str(compose()), "--file", str(context / "compose.yaml"), "build", *images]
        run(command, environment(address) | tags())


def run(command: list[str], env: dict[str, str] | None = None) -> str:
    """Run a program and return what it printed; if it fails, show that."""
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{' '.join(command)} stopped with {done.returncode}:\n{done.stdout[-5000:]}"
    return done.stdout


def _root() -> Path:
    """Return a tar file of Debian's packages, made once for a list of them."""
    path = FOLDER / f"debian-{hashlib.sha256(' '.join(PACKAGES).encode()).hexdigest()[:8]}.tar"
    if not path.exists():
        _debian("bookworm", path, "--variant=minbase", f"--include={','.join(PACKAGES)}")
    return path


def _debian(suite: str, target: Path, *options: str) -> None:
    """Fetch packages from the mirror that this machine uses, otherwise from Debian's own."""
    asked = ["apt-get", "indextargets", "--format=$(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    mirrors = run([*asked, "Label: Debian"]).split()
    unfinished = target.with_name(f"unfinished-{target.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    run(["mmdebstrap", *options, suite, str(unfinished), *mirrors[:1]])
    unfinished.rename(target)


def _index() -> str:
    """Return the lines of a pip.conf that lead to the package index this machine uses, in a container too."""
    settings = {key: _pip(key) for key in ("index-url", "extra-index-url", "trusted-host", "proxy")}
    reachable = {key: value for key, value in settings.items() if value and "file:" not in value}
    return "".join(f"{key} = {value}\n" for key, value in reachable.items())


def _pip(key: str) -> str | None:
    """Return a setting of this machine's pip; an environment variable goes before a file."""
    said = run([str(STATE / "uv" / "bin" / "python"), "-m", "pip", "config", "list"])
    found = dict(re.findall(rf"^(:env:|global|install)\.{key}='(.*)'$", said, re.MULTILINE))
    return next((found[source] for source in (":env:", "install", "global") if source in found), None)
