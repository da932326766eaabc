"""Code and schema: the same revision, or a sentence that says which of the two is behind."""

from __future__ import annotations

import pytest
from alembic.script import ScriptDirectory

from sqp_provider import __version__
from sqp_provider.core.errors import SchemaMismatch
from sqp_provider.core.revision import SchemaVersion, refuse_other_version, refuse_renamed
from sqp_provider.sql_files import newest_revision, sql_folder

KNOWN = SchemaVersion("0009", "3f2a81c09d5e")
CODE = f"this code (airflow-provider-sqp {__version__})"
MIGRATE = "Run the Dag sqp_migrate (or 'sqp migrate'), then clear the failed task."


def refusal(found: SchemaVersion, schema: str = "sqp") -> str:
    with pytest.raises(SchemaMismatch) as refused:
        refuse_other_version(schema, found, KNOWN)
    return str(refused.value)


def test_the_same_version_is_not_refused() -> None:
    refuse_other_version("sqp", SchemaVersion("0009", "3f2a81c09d5e"), KNOWN)


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (SchemaVersion("0008", "3f2a81c09d5e"), "0008 3f2a81c09d5e"),
        (SchemaVersion(None, None), "none without files"),
        (SchemaVersion("0009", None), "0009 without files"),
    ],
)
def test_an_older_schema_is_to_be_migrated(found: SchemaVersion, named: str) -> None:
    assert refusal(found, "client_a") == (
        f"schema client_a is at version {named}, but {CODE} needs 0009 3f2a81c09d5e. The target is unchanged. {MIGRATE}"
    )


def test_a_newer_schema_wants_a_newer_provider() -> None:
    assert refusal(SchemaVersion("0012", "000000000000")) == (
        f"schema sqp is at version 0012 000000000000, but {CODE} knows up to 0009 3f2a81c09d5e. "
        "The target is unchanged. Update the provider here to the version that migrated the schema, "
        "then clear the failed task."
    )


def test_other_files_of_the_same_revision_say_what_to_do_on_either_side() -> None:
    assert refusal(SchemaVersion("0009", "000000000000")) == (
        f"schema sqp is at version 0009 000000000000, but {CODE} needs 0009 3f2a81c09d5e: the functions, views and "
        "triggers in force are those of other code. The target is unchanged. If this code is the newer one: "
        f"{MIGRATE} If it is the older one: update it."
    )


def test_a_renamed_schema_is_to_be_migrated_again() -> None:
    refuse_renamed("sqp", "sqp")
    with pytest.raises(SchemaMismatch) as refused:
        refuse_renamed("sales", "sqp")
    assert str(refused.value) == (
        "schema sales was called sqp when it was migrated, and its functions still write to sqp. The target is"
        " unchanged. Run the Dag sqp_migrate (or 'sqp migrate'), then clear the failed task."
    )


def test_the_revision_the_code_expects_is_alembics_head() -> None:
    assert newest_revision() == ScriptDirectory(str(sql_folder() / "migrations")).get_current_head()
