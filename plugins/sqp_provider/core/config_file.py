"""The text of the configuration file: how it is read, and how a feed's part is merged with the defaults."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from sqp_provider.core.errors import InvalidSettings

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def read(path: Path) -> dict[str, Any]:
    """Return what the file says: ``{"source": {"table": "amazon.report"}, "feeds": {"acme_us": {}}}``.

    :raises InvalidSettings: it cannot be read, is not YAML, has a key twice, or has no sections.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise InvalidSettings(
            f"{path}: cannot be read ({error.strerror}). Set SQP_CONFIG to the path of sqp_config.yaml, or restore "
            "the file."
        ) from error
    except yaml.YAMLError as error:
        raise InvalidSettings(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InvalidSettings(f"{path}: expected sections such as 'source:', found {type(content).__name__}")
    return content


def merged(defaults: Mapping[Any, Any], own: Mapping[Any, Any], depth: int = 3) -> dict[Any, Any]:
    """Return the defaults with a feed's own keys.

    Sections are merged by key, and so are settings that are mappings, such as ``where`` or ``delay_days``. A list or
    a single value takes the default's place; null takes a mapping away.
    """
    both = {key: dict(value) if isinstance(value, dict) else value for key, value in defaults.items()}
    for key, value in own.items():
        before = both.get(key)
        if depth > 1 and isinstance(before, dict) and isinstance(value, dict):
            both[key] = merged(before, value, depth - 1)
        elif isinstance(before, dict) and value is None:
            del both[key]
        else:
            both[key] = value
    return both


def filled(value: Any, environment: Mapping[str, str]) -> Any:
    """Put the environment's values in the place of ``${NAME}``."""
    if isinstance(value, dict):
        return {key: filled(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, environment) for each in value]
    return _VARIABLE.sub(lambda found: _value_of(found[1], environment), value) if isinstance(value, str) else value


def _value_of(name: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        raise InvalidSettings(f"${{{name}}}: the environment has no {name}; set it where Airflow runs")
    return environment[name]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the quicker one, where it is built
    """YAML in which no key may stand twice: the first of two feeds of one name would be lost without a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a second key of the same name."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue  # which the base class refuses
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key} stands twice", key_node.start_mark)
            seen.add(key)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found
