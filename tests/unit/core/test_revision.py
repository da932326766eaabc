"""Code and schema: the same revision, or a sentence that says which of the two is behind."""

from __future__ import annotations

import pytest
from alembic.script import ScriptDirectory

from sqp_provider import __version__
from sqp_provider.core.errors import SchemaMismatch
from sqp_provider.core.revision import refuse_other_revision
from sqp_provider.sql_files import newest_revision, sql_folder


def test_the_same_revision_is_not_refused() -> None:
    refuse_other_revision("sqp", "0009", "0009")


@pytest.mark.parametrize(("found", "named"), [("0008", "0008"), (None, "none")])
def test_an_older_schema_is_to_be_migrated(found: str | None, named: str) -> None:
    with pytest.raises(SchemaMismatch) as refused:
        refuse_other_revision("client_a", found, "0009")
    assert str(refused.value) == (
        f"schema client_a is at revision {named}, but this code (airflow-provider-sqp {__version__}) needs 0009. "
        "The target is unchanged. Run the Dag sqp_migrate (or 'python -m sqp_provider.migrations'), "
        "then clear the failed task."
    )


def test_a_newer_schema_wants_a_newer_provider() -> None:
    with pytest.raises(SchemaMismatch) as refused:
        refuse_other_revision("sqp", "0012", "0009")
    assert str(refused.value) == (
        f"schema sqp is at revision 0012, but this code (airflow-provider-sqp {__version__}) knows revisions up to "
        "0009. The target is unchanged. Update the provider here to the version that migrated the schema, "
        "then clear the failed task."
    )


def test_the_revision_the_code_expects_is_alembics_head() -> None:
    assert newest_revision() == ScriptDirectory(str(sql_folder() / "migrations")).get_current_head()
