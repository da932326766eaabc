"""Whether code and schema belong together."""

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
    """Compare the version that a schema is at with the one that this code expects.

    :raises SchemaMismatch: says which of the two is behind, and what to do about it.
    """
    if found == known:
        return
    at = f"schema {schema} is at version {found}"
    code = f"this code (airflow-provider-sqp {__version__})"
    migrate = "Run the Dag sqp_migrate (or 'sqp migrate'), then clear what failed."
    if (found.revision or "") > str(known.revision):
        raise SchemaMismatch(
            f"{at}, {code} knows up to {known}. The target is unchanged. Update the provider here to the "
            "version that migrated the schema, then clear what failed."
        )
    if found.revision != known.revision or found.files is None:
        raise SchemaMismatch(f"{at}, {code} needs {known}. The target is unchanged. {migrate}")
    raise SchemaMismatch(
        f"{at}, {code} needs {known}: the functions, views and triggers in force are those of other code. The target "
        f"is unchanged. If this code is the newer one: {migrate} If it is the older one: update it."
    )
