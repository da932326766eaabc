"""Whether code and schema belong together."""

from __future__ import annotations

from sqp_provider import __version__
from sqp_provider.core.errors import SchemaMismatch


def refuse_other_revision(schema: str, found: str | None, known: str) -> None:
    """Compare the schema's revision with the newest this code has: ``refuse_other_revision("sqp", "0009", "0009")``.

    :raises SchemaMismatch: says which of the two is behind, and what to do about it.
    """
    if found == known:
        return
    at = f"schema {schema} is at revision {found or 'none'}"
    code = f"this code (airflow-provider-sqp {__version__})"
    if (found or "") < known:
        raise SchemaMismatch(
            f"{at}, {code} needs {known}. The target is unchanged. Run the Dag sqp_migrate "
            "(or 'python -m sqp_provider.migrations'), then clear what failed."
        )
    raise SchemaMismatch(
        f"{at}, {code} knows up to {known}. The target is unchanged. Update the provider here to the "
        "version that migrated the schema, then clear what failed."
    )
