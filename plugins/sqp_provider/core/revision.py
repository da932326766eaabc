"""Check that code and schema have the same revision."""

from __future__ import annotations

from sqp_provider import __version__
from sqp_provider.core.errors import SchemaMismatch


def refuse_other_revision(schema: str, found: str | None, known: str) -> None:
    """Stop if the schema's revision is not the newest that this code knows.

    ``refuse_other_revision("sqp", "0009", "0009")`` returns.

    :raises SchemaMismatch: says which of the two is older, and what to do.
    """
    if found == known:
        return
    at = f"schema {schema} is at revision {found or 'none'}"
    code = f"this code (airflow-provider-sqp {__version__})"
    if (found or "") < known:
        raise SchemaMismatch(
            f"{at}, but {code} needs {known}. The target is unchanged. Run the Dag sqp_migrate "
            "(or 'python -m sqp_provider.migrations'), then clear the failed task."
        )
    raise SchemaMismatch(
        f"{at}, but {code} knows revisions up to {known}. The target is unchanged. Update the provider here to the "
        "version that migrated the schema, then clear the failed task."
    )
