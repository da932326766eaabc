"""What stops a load of landings."""

from __future__ import annotations

from sqp_provider.core.errors import SyncError


class LandingRefused(SyncError):
    """A file, an option or the table cannot be used. The message says what was loaded all the same."""


class UnusableExport(Exception):
    """One file cannot be loaded; the message says why and what to do. The others are loaded."""
