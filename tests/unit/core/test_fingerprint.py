"""Equal totals, equal text; anything else, another text."""

from __future__ import annotations

from hashlib import sha256

import pytest

from sqp_provider.core import fingerprint as module
from sqp_provider.core.fingerprint import fingerprint


def test_the_order_of_keys_does_not_matter() -> None:
    assert fingerprint({"row_count": 2, "row_hash": 7}) == fingerprint({"row_hash": 7, "row_count": 2})


def test_any_total_matters() -> None:
    texts = {fingerprint({"row_count": a, "sums": {"total_clicks": b}}) for a in (1, 2) for b in (1, 2)}
    assert len(texts) == 4
    assert {len(text) for text in texts} == {32}


def test_a_release_keeps_the_fingerprint_so_that_an_upgrade_syncs_nothing_again() -> None:
    text = b'{"row_count":2,"sums":{"total_clicks":7},"version":1}'
    assert fingerprint({"sums": {"total_clicks": 7}, "row_count": 2}) == sha256(text).hexdigest()[:32]


def test_a_new_contract_version_syncs_everything_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint({"row_count": 1})
    monkeypatch.setattr(module, "CONTRACT_VERSION", module.CONTRACT_VERSION + 1)
    assert fingerprint({"row_count": 1}) != before
