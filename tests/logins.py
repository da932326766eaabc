"""Logins of one test: roles of the server that go with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

Login = Callable[..., str]
"""``login("sqp_reader")`` returns the dsn of a new login that is a member of that group."""


@contextmanager
def logins(dsn: str) -> Iterator[Login]:
    """Make logins for a database; drop them, and what they own there, at the end."""
    made: list[str] = []

    def login(*groups: str, attributes: str = "") -> str:
        made.append(name := f"sqp_test_{uuid4().hex[:12]}")
        owner.execute(f"create role {name} login password 'secret' {attributes}".encode())
        for group in groups:
            owner.execute(sql.SQL("grant {} to {}").format(sql.Identifier(group), sql.Identifier(name)))
        return make_conninfo(dsn, user=name, password="secret")

    with psycopg.connect(dsn, autocommit=True) as owner:
        try:
            yield login
        finally:
            for name in made[::-1]:
                owner.execute(f"drop owned by {name} cascade".encode())
            for name in made[::-1]:
                owner.execute(f"drop role {name}".encode())


def name_of(dsn: str) -> str:
    """The name of a login."""
    return str(psycopg.conninfo.conninfo_to_dict(dsn)["user"])
