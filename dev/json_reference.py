"""`make docs`: writes docs/status-json.md from the models of the page's JSON, so that it never says anything else."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getdoc
from typing import Any

from pydantic import BaseModel

from dev.checkout import ROOT
from sqp_provider.status.feed_row import FeedHeadline, FeedRow
from sqp_provider.status.models import Failure, Freshness, Headline, Latest, PeriodStatus, Problem
from sqp_provider.status.story_models import (
    Change,
    ChangePage,
    Found,
    LatelyChanged,
    Measured,
    Mover,
    PeriodDetail,
    PeriodVersion,
    RowDetail,
    Strangers,
)
from sqp_provider.status.sync_models import (
    Attempt,
    Check,
    HistoryPage,
    HistoryRow,
    RejectReason,
    Stage,
    Sync,
    SyncDetail,
)

PAGE = ROOT / "docs" / "status-json.md"

HEAD = """# The status page's JSON

What the addresses below `/sqp-sync/api` return; [status-page.md](status-page.md#json) says how to ask. Fields are
added, never renamed or taken away. Where the configuration has several feeds, each object names its `feed` too. Times
are UTC. `make docs` writes this page.

| address | returns |
|---|---|"""

ADDRESSES: dict[str, tuple[type[BaseModel], bool]] = {
    "headlines": (Headline, True),
    "freshness": (Freshness, True),
    "latest": (Latest, True),
    "periods?type=weekly&periods=12": (PeriodStatus, True),
    "failures": (Failure, True),
    "lately": (LatelyChanged, True),
    "measures?type=weekly&periods=12": (Measured, True),
    "history?type=weekly&status=failed&period_from=2026-10-01&before=4711": (HistoryPage, False),
    "sync/12": (SyncDetail, False),
    "run/<dag_id>/<run_id>": (SyncDetail, False),
    "period/weekly/2026-11-08?version=4711": (PeriodDetail, False),
    "period/weekly/2026-11-08/row?query=wireless mouse&asin=B000000001": (RowDetail, False),
    "changes?type=weekly&period_start=2026-11-08&version=4711&query=…&asin=…&after=4712": (ChangePage, False),
    "search?type=weekly&query=wireless mouse&asin=B000000001": (Found, True),
    "feeds": (FeedRow, True),
}
"""Each address with what it returns, and whether it is a list of that."""

PARTS: tuple[type[BaseModel], ...] = (
    FeedHeadline,
    HistoryRow,
    Sync,
    Stage,
    Attempt,
    Check,
    RejectReason,
    PeriodVersion,
    Strangers,
    Mover,
    Change,
    Problem,
)
"""What the objects of the addresses hold, and the answer to an error."""


def page() -> str:
    """Return the whole page."""
    lines = [HEAD]
    for address, (model, is_list) in ADDRESSES.items():
        lines.append(f"| `{address}` | {'a list of ' if is_list else ''}{_link(model)} |")
    shown = list(dict.fromkeys([*(model for model, _ in ADDRESSES.values()), *PARTS]))
    for model in shown:
        lines += _table(model)
    return "\n".join([*lines, ""])


def _link(model: type[BaseModel]) -> str:
    return f"[{model.__name__}](#{model.__name__.lower()})"


def _table(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema(mode="serialization")
    yield f"\n## {model.__name__}\n"
    yield f"{' '.join((getdoc(model) or '').replace('``', '`').split())}\n"
    yield "| field | type | meaning |\n|---|---|---|"
    for name, field in schema["properties"].items():
        yield f"| `{name}` | {_type(field)} | {field['description']} |"


def _type(field: dict[str, Any]) -> str:
    """``{"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}`` is ``date or null``."""
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(option) for option in field["anyOf"]))
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if name != "SyncType" else "text"
    if field.get("type") == "array":
        items = field.get("items") or {"type": "anything"}
        return f"list of {_type(items)}"
    kind = str(field.get("format") or field.get("type") or "anything")
    names = {"string": "text", "boolean": "true or false", "date-time": "time"}
    return names.get(kind, kind)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
