"""The provider's description for Airflow: complete, true, and in Airflow's own shape."""

from __future__ import annotations

import inspect
import pkgutil
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.providers_manager import _create_provider_info_schema_validator
from airflow.sdk import BaseHook, BaseNotifier, BaseOperatorLink
from airflow.sdk._shared.module_loading import import_string

from sqp_provider import __version__
from sqp_provider.get_provider_info import get_provider_info

INFO = get_provider_info()


def test_it_has_the_shape_that_airflow_demands() -> None:
    _create_provider_info_schema_validator().validate(INFO)  # type: ignore[no-untyped-call]


def test_name_and_version_are_those_of_the_distribution() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert INFO["package-name"] == project["name"]
    assert INFO["versions"] == [__version__]
    assert project["entry-points"]["apache_airflow_provider"] == {
        "provider_info": f"{get_provider_info.__module__}:{get_provider_info.__name__}"
    }


@pytest.mark.parametrize("kind", ["operators", "sensors", "triggers"])
def test_every_module_is_listed(kind: str) -> None:
    package = import_module(f"sqp_provider.{kind}")
    modules = [f"sqp_provider.{kind}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]
    assert _listed(kind) == sorted(modules)


def test_every_module_with_a_hook_of_airflow_is_listed() -> None:
    package = import_module("sqp_provider.hooks")
    modules = [f"sqp_provider.hooks.{module.name}" for module in pkgutil.iter_modules(package.__path__)]
    assert _listed("hooks") == sorted(module for module in modules if _defines(module, BaseHook))


def test_every_extra_link_is_listed_and_importable() -> None:
    links = [name for name, _ in inspect.getmembers(import_module("sqp_provider.operators.links"), _is_link)]
    assert sorted(INFO["extra-links"]) == [f"sqp_provider.operators.links.{name}" for name in sorted(links)]
    assert all(_is_link(import_string(name)) for name in INFO["extra-links"])


def test_every_notifier_is_listed_and_importable() -> None:
    package = import_module("sqp_provider.notifications")
    names = [f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]
    found = [f"{name}.{each}" for name in names for each, _ in inspect.getmembers(import_module(name), _is_notifier)]
    assert sorted(INFO["notifications"]) == sorted(found)
    assert all(_is_notifier(import_string(name)) for name in INFO["notifications"])


def _is_notifier(found: Any) -> bool:
    return inspect.isclass(found) and issubclass(found, BaseNotifier) and found is not BaseNotifier


def _listed(kind: str) -> list[str]:
    (entry,) = INFO[kind]
    assert entry["integration-name"] in {integration["integration-name"] for integration in INFO["integrations"]}
    return sorted(entry["python-modules"])


def _defines(module: str, base: type) -> bool:
    found = vars(import_module(module)).values()
    return any(inspect.isclass(each) and issubclass(each, base) and each.__module__ == module for each in found)


def _is_link(found: Any) -> bool:
    return inspect.isclass(found) and issubclass(found, BaseOperatorLink) and found is not BaseOperatorLink
