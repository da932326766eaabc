"""What a developer reads when a service does not start or stop."""

from pathlib import Path


class ServiceError(Exception):
    """A service is not in the state that was asked for; the message says why and what to do."""


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, indented, under its name."""
    if not log.exists():
        return f"{log} was not written."
    last = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join([f"The end of {log}:", *(f"  {line}" for line in last)])
