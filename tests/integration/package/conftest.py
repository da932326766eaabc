"""The wheel, built and installed as `pip install` does it, in an environment that sees the project's dependencies."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UV = ROOT / ".dev/uv/bin/uv"


@dataclass
class Installed:
    """An environment with the wheel in it, and an empty plugins folder."""

    wheel: Path
    folder: Path

    @property
    def site_packages(self) -> Path:
        """Where the wheel is installed."""
        return self.folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"

    def run(self, *arguments: str, **environment: str) -> str:
        """Run Python with these arguments, far from the checkout; return what it printed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SQP_", "PYTHON", "COV"))}
        own = {
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.folder / "plugins"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.folder / "dags"),
        }
        done = subprocess.run(
            [self.folder / "bin/python", *arguments],
            env=kept | own | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def airflow(self, *arguments: str, **environment: str) -> str:
        """Run an `airflow` command."""
        return self.run("-m", "airflow", *arguments, **environment)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment of its own; its dependencies are the project's, by a path, to save the minute."""
    folder = tmp_path_factory.mktemp("installed")
    dist = folder / "dist"
    _uv("build", "--wheel", "--no-build-isolation", "--python", str(ROOT / ".venv/bin/python"), "--out-dir", str(dist))
    (wheel,) = dist.glob("*.whl")
    _uv("venv", "--python", str(ROOT / ".venv/bin/python"), str(folder / "venv"))
    (folder / "venv/plugins").mkdir()
    installed = Installed(wheel, folder / "venv")
    (installed.site_packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    _uv("pip", "install", "--no-deps", "--python", str(folder / "venv/bin/python"), str(wheel))
    return installed


def _uv(*arguments: str) -> None:
    done = subprocess.run([UV, *arguments, "--offline"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
