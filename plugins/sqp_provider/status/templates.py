"""Templates and static files. Values are always escaped, and links are relative to the path of Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from sqp_provider.core.cost import size
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.status.addresses import URL_PREFIX, feed_path, run_address
from sqp_provider.status.view import period_label

FOLDER = Path(__file__).parent
STATIC = {"status.css": "text/css", "status.js": "text/javascript", "icon.svg": "image/svg+xml"}


@cache
def environment() -> Environment:
    """Return the templates with their filters."""
    found = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "count": _count,
        "moment": _moment,
        "seconds": _seconds,
        "size": size,
        "web_address": _web_address,
    }
    found.globals |= {"period_label": period_label, "sync_types": list(SyncType), "urlencode": urlencode}
    return found


def render(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Answer with a template. In it, ``page`` is the start of the addresses of the feed that was asked for."""
    root = request.scope.get("root_path", "")
    settings: Settings | None = getattr(request.state, "settings", None)
    feed = settings.feed if settings else None
    page = root + feed_path(feed)
    values |= {
        "root": root,
        "page": page,
        "feed": feed,
        "has_feeds": getattr(request.state, "has_feeds", False),
        "worded": settings.worded if settings else str,
        "run_address": partial(run_address, root.removesuffix(URL_PREFIX)),
        "here": inner_path(request).removeprefix(feed_path(feed)),
    }
    return HTMLResponse(environment().get_template(template).render(values), status, headers)


def inner_path(request: Request) -> str:
    """Return the path below the page's own prefix: ``/sync/12``."""
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", "")) or "/"


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _moment(value: datetime | None) -> str:
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f} s"


def _web_address(value: Any) -> str | None:
    """Return an http or https address, or None. The log may contain anything, also ``javascript:``."""
    return value if isinstance(value, str) and value.startswith(("http://", "https://")) else None
