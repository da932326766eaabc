"""A statement for BigQuery with its values written into it, so that a person can run it as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

_TOKEN = re.compile(
    r"""
      '{3} (?: \\. | (?!'{3}) [^\\] )* '{3}
    | "{3} (?: \\. | (?!"{3}) [^\\] )* "{3}
    | ' (?: \\. | [^'\\] )* '
    | " (?: \\. | [^"\\] )* "
    | ` (?: \\. | [^`\\] )* `
    | (?: -- | \# ) [^\r\n]*
    | / \* .*? \* /
    | @@ \w+
    | @ (?P<name> [A-Za-z_] \w* )
    """,
    re.DOTALL | re.VERBOSE,
)
"""A text, a quoted name, a comment or a variable of BigQuery's own, in which an @ means nothing, or else a parameter.

A backslash never lets the character after it end a text, in raw texts neither (``r'\\''``), so a text's prefix makes no
difference here.
"""


def with_literals(statement: str, values: Mapping[str, date | str | bool | int]) -> str:
    """Return a statement without parameters: ``where day = @day`` becomes ``where day = date '2026-11-08'``.

    :raises KeyError: the statement names a parameter that has no value.
    """

    def written(token: re.Match[str]) -> str:
        name = token["name"]
        return literal(values[name]) if name else token[0]

    return _TOKEN.sub(written, statement)


def literal(value: date | str | bool | int) -> str:
    r"""Return a value as GoogleSQL writes it.

    >>> print(literal("it's"))
    'it\'s'

    A text keeps its letters. What ends a text, or what no editor shows, is escaped.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, int):
        return str(value)
    return "'" + "".join(map(_escaped, value)) + "'"


def _escaped(character: str) -> str:
    if character in "'\\`":
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
