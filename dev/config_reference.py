"""`make docs`: writes docs/configuration.md from the settings model, so that the page never says anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from inspect import getdoc
from typing import Any

from pydantic import BaseModel

from dev.checkout import ROOT
from sqp_provider.core.contract import PRICES, SOURCE_COLUMNS
from sqp_provider.core.settings import Settings

PAGE = ROOT / "docs" / "configuration.md"

HEAD = """# Configuration

One file, `dags/sqp_config.yaml`, or the one that `SQP_CONFIG` names. A mistake is an import error of the Dags that
names the key, what was found and what was expected. Beside a default stands what else is allowed. `make docs` writes
this page.

| environment variable | what it does |
|---|---|
| `SQP_CONFIG` | path of another configuration file, for the Dags and the API server |
| `SQP_SQL_DIR` | where `sql/` is, if neither in the wheel nor beside `plugins/` |
| `SQP_POSTGRES_DSN` | the database of the command `sqp` |"""

FEEDS = """
## `feeds`

A feed is one marketplace of a seller, or one client of an agency. Without `feeds` the file describes one. With it, the
sections say what all feeds have in common, and each feed what differs: a setting that is a mapping (`where`, `columns`,
`delay_days`) adds its keys, everything else takes the default's place, and `null` takes a mapping away.

```yaml
source: {table: amazon.report, where: {scope: asin}}
feeds:
  acme_us: {source: {where: {marketplace_id: ATVPDKIKX0DER}}}
  acme_de: {source: {where: {marketplace_id: A1PA6795UKMFR9}}, schedule: {delay_days: {weekly: 5}}}
  beta: {source: {table: beta.report}, target: {conn_id: beta_postgres}, owner: beta-team}
```

| of feed `acme_us` | is called |
|---|---|
| schema | `sqp_acme_us`: `target.schema` of the defaults and the name, or the feed's own `target.schema` |
| Dags | `sqp_weekly_sync__acme_us`, …, `sqp_restatements__acme_us` |
| tag of its Dags, metrics and BigQuery jobs | `feed` |
| its rows in the views over all feeds | `sqp_all.weekly_summary where feed = 'acme_us'` |

A name has lower-case letters, digits and underscores. `all`, and what ends in `_staging`, is reserved. `airflow` is the
same for all feeds. A feed with a mistake has no Dags until that is corrected, and an import error of `sqp_feeds.py`
says what it is; the others work. `${NAME}` stands for a variable of the environment. The file holds no secrets."""

HOW = """
A count is INT64, or FLOAT, NUMERIC or STRING that holds a whole number. An amount is a number, or text such as `12.34`
or `1,234.50`, of at most four decimal places; `currency` is three letters. A dot leads into a record, or on into JSON:
`report.clickData.asinClickCount`; `ids[0]` takes an entry of a list. Instead of a name there may be a list of names, of
which the first that is not empty counts, or what a column needs besides its name:

| `{column: …, …}` | for | says |
|---|---|---|
| `format: '%d/%m/%Y'` | dates and `ingested_at` that are text | how it is written, in BigQuery's format elements |
| `time_zone: Europe/London` | dates that are TIMESTAMP; `ingested_at` without a zone | whose day it is |
| `unit: milliseconds` | `ingested_at` that is a number | what it counts since 1970 |
| `pattern: '(B0[A-Z0-9]{8})'` | texts and dates, `_FILE_NAME` too | the part to take |
| `weekly: [W, wk]`, `monthly: …` | `report_period` | the source's words, if not `week` or `weekly` and so on |
| `{value: …}` | `asin`, `report_period`, `currency` | what all rows have; last in a list, those that say nothing |"""

_KINDS = {
    "period_start": "date",
    "period_end": "date",
    "ingested_at": "date and time",
    **dict.fromkeys((price.source.key for price in PRICES), "amount"),
}


def page() -> str:
    """Return the whole page."""
    schema = Settings.model_json_schema(by_alias=True)
    own = {name: field for name, field in schema["properties"].items() if not _section(name) and name != "feed"}
    parts = [HEAD, *_table("The file itself", "", own, schema), FEEDS]
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
    yield "| key | default | what it does |\n|---|---|---|"
    for key, field in properties.items():
        default = _yaml(field["default"]) if "default" in field else "{}" if field.get("type") == "object" else None
        shown = [f"`{default}`" if default is not None else "none: must be given", *_allowed(field)]
        yield f"| `{key}` | {', '.join(shown)} | {field['description']}{_example(key, field)} |"


def _example(key: str, field: dict[str, Any]) -> str:
    """What the file may say, where the default does not show it."""
    return f". Example: `{key}: {_yaml(field['examples'][0])}`" if field.get("examples") else ""


def _allowed(field: dict[str, Any]) -> list[str]:
    """What may stand there, where the default does not show it: `["integer", "at most 720", "or null"]`."""
    options = {option["type"]: option for option in field.get("anyOf", [field])}
    kind, option = next(iter(options.items()))
    values = option.get("additionalProperties")
    if kind == "object" and isinstance(values, dict) and values.get("type") == "integer":
        kind, option = "integer", values
    allowed = [*(["integer"] if kind == "integer" else []), *_limits(option)]
    return [*allowed, "or null"] if "null" in options and field.get("default") is not None else allowed


def _limits(option: dict[str, Any]) -> list[str]:
    """`["0 to 60"]`, or `["above 0", "at most 720"]`, or none."""
    low = [f"above {option['exclusiveMinimum']}"] if "exclusiveMinimum" in option else []
    high = [f"at most {option['maximum']:g}"] if "maximum" in option else []
    if "minimum" not in option:
        return low + high
    return [f"{option['minimum']} to {option['maximum']:g}" if high else f"{option['minimum']} or more"]


def _yaml(value: Any) -> str:
    """JSON is YAML; texts and keys that need no quotes are shown without."""
    return re.sub(r'"([A-Za-z_][\w:@. -]*)"', r"\1", json.dumps(value, ensure_ascii=False))


def _columns() -> Iterator[str]:
    yield "\n## Keys of `source.columns`\n"
    yield "| key | type | its name in the source, unless mapped |\n|---|---|---|"
    for column in SOURCE_COLUMNS:
        name = Settings.checked({"source": {"table": "a.b"}}, origin="reference").source.places(column.key)
        kind = _KINDS.get(column.key) or ("count" if "FLOAT" in column.bigquery_types else "text")
        yield f"| `{column.key}` | {kind} | {f'`{name[0].column}`' if name else 'not read'} |"
    needed = [column.key for column in SOURCE_COLUMNS if column.required]
    yield f"\nOnly `{'`, `'.join(needed)}` may not be `null`."
    yield HOW


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
