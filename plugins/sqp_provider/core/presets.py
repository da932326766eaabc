"""Landings that are known by name: ``source.landing``."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {"sp-api": {}}
"""What a name stands for, as the file would say it under ``source``. What the file itself says comes first."""
