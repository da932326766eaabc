"""The text of a mistake in the configuration file."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel


def mistake(detail: Any) -> str:
    """Return the text of one of Pydantic's errors.

    ``target.max_delete_fraction: Input should be less than or equal to 1, found 2``
    """
    # Pydantic adds "[key]" where the name of a key is the mistake, not its value.
    key = ".".join(str(part) for part in detail["loc"] if part != "[key]") or "file"
    if detail["type"] == "missing":
        return f"{key}: is missing"
    if detail["type"] == "extra_forbidden":
        return f"{key}: is not a setting; check the spelling"
    message = re.sub(r"^Value error, ", "", str(detail["msg"]))
    found = detail["input"]
    return f"{key}: {message}" + ("" if isinstance(found, (dict, BaseModel)) else f", found {_as_in_yaml(found)}")


def _as_in_yaml(found: Any) -> str:
    """Return a value as a person writes it in the file: ``true``, ``null``, ``2026-11-08``, ``'slow'``, ``[a, b]``."""
    if isinstance(found, str):
        return f"'{found}'"
    if found is None or isinstance(found, bool):
        return {None: "null", True: "true", False: "false"}[found]
    if isinstance(found, (list, tuple)):
        return f"[{', '.join(map(str, found))}]"
    return str(found)
