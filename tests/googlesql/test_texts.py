"""Lower case, white space and ASINs: GoogleSQL, Python's recomputation and the emulator read every text alike."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import pytest
from google.cloud import bigquery

from sqp_provider.sql_files import _templates, sql_folder
from tests.googlesql.googlesql import evaluate
from tests.integration.exactness.recompute import fold

ASSIGNED = [chr(n) for n in range(1, 0x110000) if unicodedata.category(chr(n)) not in ("Cn", "Co", "Cs")]
"""The characters that this Python knows; a newer Unicode may have given some of the others a lower case."""

CASED = "aAΣΣΣΣΣΣσςİIıÄΑµǅŉ\u0345ⒶªⅧℝẞß𐐀Ა"
BETWEEN = "'’·.:^`_\u00ad\u0300\u0307\u02b0\u0640\u200b\u200d\ufe0f🏻"
OTHERS = " -1日\t!א"


def answered(expression: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each text, and what GoogleSQL says of it."""
    for first in range(0, len(texts), 5000):
        rows = [{"t": text} for text in texts[first : first + 5000]]
        for row in evaluate(f"select t, {expression} as e from `d.t`", {"d.t": {"t": "STRING"}}, {"d.t": rows}):
            yield row["t"], row["e"]


def words() -> list[str]:
    """Texts of up to eight characters, many with a sigma and what may stand between it and a word's end."""
    draw = random.Random(1)  # noqa: S311 - the same words each time
    pool = CASED * 2 + BETWEEN + OTHERS
    return ["".join(draw.choices(pool, k=draw.randint(1, 8))) for _ in range(20_000)]


def test_python_and_googlesql_lower_every_character_alike() -> None:
    assert len(ASSIGNED) > 140_000
    assert [(text, lower) for text, lower in answered("lower(t)", ASSIGNED) if lower != text.lower()] == []


def test_python_and_googlesql_lower_a_sigma_alike_whatever_is_around_it() -> None:
    around = [text for c in ASSIGNED if c < "\u3000" for text in (f"AΣ{c}a", f"A{c}Σ", f"{c}Σ")]
    assert [(text, lower) for text, lower in answered("lower(t)", [*words(), *around]) if lower != text.lower()] == []


def test_python_and_googlesql_fold_white_space_alike() -> None:
    """Every mark, sign and separator, and some of the letters."""
    folded = _templates(sql_folder()).get_template("macros.sql").module.fold("t")
    some = [c for n, c in enumerate(ASSIGNED) if unicodedata.category(c)[0] in "CZPM" or n % 29 == 0]
    texts = [f"{c}a{c}{c} b{c}" for c in some]
    assert [(text, found) for text, found in answered(folded, texts) if found != fold(text)] == []


def emulated(client: bigquery.Client, expression: str, texts: Iterable[str]) -> list[tuple[str, str]]:
    parameter = bigquery.ArrayQueryParameter("texts", "STRING", list(texts))
    config = bigquery.QueryJobConfig(query_parameters=[parameter])
    rows = client.query_and_wait(f"select t, {expression} as e from unnest(@texts) as t", job_config=config)
    return [(row["t"], row["e"]) for row in rows]


def test_the_emulator_lowers_as_googlesql_does(bigquery_client: bigquery.Client) -> None:
    texts = [*(c for c in ASSIGNED if c.lower() != c), *words()[:3000], "İstanbul", "ΣΑΣ", "", "ASCII"]
    answers = emulated(bigquery_client, "lower(t)", texts)
    assert len(answers) == len(texts)
    assert [(text, lower) for text, lower in answers if lower != text.lower()] == []


@pytest.mark.parametrize("null", ["lower(cast(null as string))", "lower(nullif(t, t))"])
def test_the_emulator_leaves_a_missing_text_missing(null: str, bigquery_client: bigquery.Client) -> None:
    assert emulated(bigquery_client, null, ["a", "é"]) == [("a", None), ("é", None)]
