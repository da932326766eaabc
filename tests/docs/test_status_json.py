"""docs/status-json.md says what the page's JSON really has."""

from __future__ import annotations

import re

from dev import json_reference
from sqp_provider.status.app import StatusPage


def test_the_page_is_what_the_code_says() -> None:
    assert json_reference.PAGE.read_text() == json_reference.page(), "stale: run 'make docs'"


def test_every_address_of_the_json_is_on_the_page() -> None:
    routes = {route.path for route in StatusPage().app.routes if re.match("/api/(?!feeds/)", route.path)}
    listed = {f"/api/{address.partition('?')[0]}" for address in json_reference.ADDRESSES}
    assert {_shape(route) for route in routes} == {_shape(address) for address in listed}


def _shape(path: str) -> str:
    """An address without what differs: ``/api/sync/*``."""
    return re.sub(r"\{[^}]+\}|<[^>]+>|\b(12|weekly|2026-11-08)\b", "*", path)


def test_every_field_says_what_it_means() -> None:
    lines = [line for line in json_reference.page().splitlines() if re.match(r"\| `\w+` \|", line)]
    assert len(lines) > 150
    assert [line for line in lines if not re.search(r"\| [^|]+ \| [^|]{3,} \|$", line)] == []
