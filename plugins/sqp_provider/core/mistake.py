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
    return f"{key}: {message}" + ("" if isinstance(found, (dict, BaseModel)) else f", found {found!r}")
