"""Check that code and schema have the same version."""

from __future__ import annotations

from dataclasses import dataclass

from sqp_provider import __version__
from sqp_provider.core.errors import SchemaMismatch


@dataclass(frozen=True)
class SchemaVersion:
    """The revision of the tables, and the hash of the files of functions, views and triggers: ``0004 3f2a81c09d5e``."""

    revision: str | None
    files: str | None

    def __str__(self) -> str:
        return f"{self.revision or 'none'} {self.files or 'without files'}"


def refuse_other_version(schema: str, found: SchemaVersion, known: SchemaVersion) -> None:
    """Stop if the schema has another version than this code expects.

    :raises SchemaMismatch: says which of the two is older, and what to do.
    """
    if found == known:
        return
    at = f"schema {schema} is at version {found}"
    code = f"this code (airflow-provider-sqp {__version__})"
    migrate = "Run the Dag sqp_migrate (or 'sqp migrate'), then clear the failed task."
    if (found.revision or "") > str(known.revision):
        raise SchemaMismatch(
            f"{at}, but {code} knows up to {known}. The target is unchanged. Update the provider here to the "
            "version that migrated the schema, then clear the failed task."
        )
    if found.revision != known.revision or found.files is None:
        raise SchemaMismatch(f"{at}, but {code} needs {known}. The target is unchanged. {migrate}")
    raise SchemaMismatch(
        f"{at}, but {code} needs {known}: the functions, views and triggers in force are those of other code. "
        f"The target is unchanged. If this code is the newer one: {migrate} If it is the older one: update it."
    )


def refuse_renamed(schema: str, migrated_as: str | None) -> None:
    """Stop if the schema was renamed since it was migrated.

    :param migrated_as: what it was called then; None if it is not recorded.
    :raises SchemaMismatch: names both.
    """
    if migrated_as not in (schema, None):
        raise SchemaMismatch(
            f"schema {schema} was called {migrated_as} when it was migrated, and its functions still write to "
            f"{migrated_as}. The target is unchanged. Run the Dag sqp_migrate (or 'sqp migrate'), then clear the "
            "failed task."
        )
