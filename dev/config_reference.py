"""`make docs`: writes docs/configuration.md from the settings model, so that the page never says anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from inspect import getdoc
from typing import Any

from pydantic import BaseModel

from dev.checkout import ROOT
from sqp_provider.core.contract import MARKETPLACE_NAMES, SOURCE_COLUMNS
from sqp_provider.core.settings import Settings

PAGE = ROOT / "docs" / "configuration.md"

HEAD = """# Configuration

One file, `dags/sqp_config.yaml`, or the one that `SQP_CONFIG` names. It is checked when the Dags are parsed: a mistake
shows as an import error that names the key, what was found and what was expected. A key that is left out has its
default; only `source.table` has none. Written by `make docs` from `plugins/sqp_provider/core/settings.py`.

| environment variable | what it does |
|---|---|
| `SQP_CONFIG` | path of another configuration file, for the Dags and the API server |
| `SQP_SQL_DIR` | where `sql/` is, if neither in the wheel nor beside `plugins/` |
| `SQP_POSTGRES_DSN` | the database that `python -m sqp_provider.migrations` migrates |"""


def page() -> str:
    """Return the whole page."""
    schema = Settings.model_json_schema(by_alias=True)
    own = {name: field for name, field in schema["properties"].items() if not _section(name)}
    parts = [HEAD, *_table("The file itself", "", own, schema)]
    for name in schema["properties"]:
        if section := _section(name):
            properties = schema["$defs"][section.__name__]["properties"]
            parts += _table(f"`{name}`", getdoc(section) or "", properties, schema)
    return "\n".join([*parts, *_columns(), ""])


def _section(name: str) -> type[BaseModel] | None:
    annotation = Settings.model_fields[name].annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _table(title: str, says: str, properties: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    yield f"\n## {title}\n"
    if says:
        yield f"{says}\n"
    yield "| key | type | default | what it does | example |\n|---|---|---|---|---|"
    for key, field in properties.items():
        default = _yaml(field["default"]) if "default" in field else "{}" if field.get("type") == "object" else None
        example = (field.get("examples") or [field.get("default")])[0]
        shown = f"`{default}`" if default is not None else "none: must be given"
        yield f"| `{key}` | {_type(field)} | {shown} | {field['description']} | `{key}: {_yaml(example)}` |"


def _type(field: dict[str, Any]) -> str:
    """`integer, 0 to 60`, `text or null`, `list of failed, stale`."""
    options = field.get("anyOf", [field])
    return " or ".join(_plain_type(option) for option in options)


def _plain_type(option: dict[str, Any]) -> str:
    kind = option["type"]
    if kind == "array":
        return f"list of {', '.join(option['items']['enum'])}"
    low = [f"{option['minimum']} or more"] if "minimum" in option else []
    low += [f"above {option['exclusiveMinimum']}"] if "exclusiveMinimum" in option else []
    limits = low + ([f"at most {option['maximum']:g}"] if "maximum" in option else [])
    names = {"string": "text", "number": "number", "integer": "integer", "null": "null", "object": "names by column"}
    return ", ".join([names[kind], *limits])


def _yaml(value: Any) -> str:
    """JSON is YAML; texts and keys that need no quotes are shown without."""
    return re.sub(r'"([A-Za-z_][\w:@. -]*)"', r"\1", json.dumps(value, ensure_ascii=False))


def _columns() -> Iterator[str]:
    yield "\n## Keys of `source.columns`\n"
    yield "| key | needed | its name in the source, unless mapped |\n|---|---|---|"
    for column in SOURCE_COLUMNS:
        name = Settings.checked({"source": {"table": "a.b"}}, origin="reference").source.name_of(column.key)
        yield f"| `{column.key}` | {'yes' if column.required else 'no'} | {f'`{name}`' if name else 'not read'} |"
    yield f"\nA table with a column called `{'`, `'.join(MARKETPLACE_NAMES)}` is refused until `marketplace` names"
    yield "it, or is `null` because all rows are of one marketplace."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
