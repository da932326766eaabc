"""Templates and static files. Values are always escaped, and links are relative to the path of Airflow."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from sqp_provider.core.contract import values_of
from sqp_provider.core.cost import size
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.status.addresses import URL_PREFIX, feed_path, run_address
from sqp_provider.status.changes_file import figures_of
from sqp_provider.status.story import FOUND_PERIODS
from sqp_provider.status.story_models import TOTALS
from sqp_provider.status.view import period_label

FOLDER = Path(__file__).parent
REFRESH_SECONDS = 5
"""How often a page asks for itself again while a sync runs."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:\.\.\d{4}-\d\d-\d\d| \d\d:\d\d(?::\d\d)?(?: UTC)?)?")

_ADDRESS_OR_DATE = re.compile(rf"/period/[a-z]+/\d{{4}}-\d\d-\d\d|{_DATE.pattern}")

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
        "against": _against,
        "count": _count,
        "day": _day,
        "figure": _figure,
        "linked": _linked,
        "moment": _moment,
        "percent": _percent,
        "seconds": _seconds,
        "size": size,
        "unbroken": _unbroken,
        "weekday": _weekday,
        "web_address": _web_address,
    }
    found.globals |= {
        "figures_of": figures_of,
        "period_label": period_label,
        "periods_searched": FOUND_PERIODS,
        "refresh_seconds": REFRESH_SECONDS,
        "sync_types": list(SyncType),
        "totals": TOTALS,
        "urlencode": urlencode,
        "values_of": values_of,
    }
    return found


def render(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Answer with a template. In it, ``page`` is the start of the addresses of the feed that was asked for."""
    root = request.scope.get("root_path", "")
    settings: Settings | None = getattr(request.state, "settings", None)
    feed = settings.feed if settings else None
    page = root + feed_path(feed)
    values = (
        {"runs": False}
        | values
        | {
            "root": root,
            "page": page,
            "feed": feed,
            "has_feeds": getattr(request.state, "has_feeds", False),
            "worded": settings.worded if settings else str,
            "run_address": partial(run_address, root.removesuffix(URL_PREFIX)),
            "here": inner_path(request).removeprefix(feed_path(feed)),
        }
    )
    return HTMLResponse(environment().get_template(template).render(values), status, headers)


def inner_path(request: Request) -> str:
    """Return the path below the page's own prefix: ``/sync/12``."""
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", "")) or "/"


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _against(value: int | None, before: int | None) -> str:
    """``_against(110, 100) == "+10.0 %"``; nothing where there is nothing to compare with."""
    return "" if not before or value is None else f"{(value - before) * 100 / before:+,.1f} %"


def _percent(value: Decimal) -> str:
    """``_percent(Decimal("0.594")) == "59 %"``; what is not all is never called 100 %."""
    return f"{math.floor(value * 100)} %"


def _day(value: date, sync_type: SyncType) -> str:
    """Return the short name of a period: ``Nov 8``, ``Nov``, ``Q4``."""
    if sync_type is SyncType.QUARTERLY:
        return f"Q{(value.month + 2) // 3}"
    return f"{value:%b}" if sync_type is SyncType.MONTHLY else f"{value:%b} {value.day}"


def _figure(value: Any) -> str:
    """Return a figure of a row as it is kept, whole numbers with separators; null is said."""
    return "null" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _moment(value: datetime | None) -> str:
    """Return a time on one line, whatever the width is."""
    return "–" if value is None else Markup(f'<span class="when">{value:%Y-%m-%d %H:%M:%S}</span>')  # noqa: S704


def _weekday(value: date | None) -> str:
    """``_weekday(date(2026, 11, 20)) == "Friday, 2026-11-20"``, in which the date is on one line."""
    return "–" if value is None else f"{value:%A}, " + _unbroken(str(value))


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f} s"


def _unbroken(text: str) -> Markup:
    """Keep each date of a text, with its time, on one line: a browser would break it at its hyphens."""
    return Markup(_DATE.sub(r'<span class="when">\g<0></span>', str(escape(text))))  # noqa: S704 - escaped here


def _linked(text: str, page: str) -> Markup:
    """Make a link of a period's address, ``open /period/weekly/2026-11-08``, and keep each other date on one line."""

    def shown(found: re.Match[str]) -> str:
        if found[0].startswith("/"):
            return f'<a class="when" href="{escape(page)}{found[0]}">{found[0]}</a>'
        return f'<span class="when">{found[0]}</span>'

    return Markup(_ADDRESS_OR_DATE.sub(shown, str(escape(text))))  # noqa: S704 - escaped here


def _web_address(value: Any) -> str | None:
    """Return an http or https address, or None. The log may contain anything, also ``javascript:``."""
    return value if isinstance(value, str) and value.startswith(("http://", "https://")) else None
