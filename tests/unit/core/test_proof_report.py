"""What a proof says, as text and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

from sqp_provider.core.period import SyncType
from sqp_provider.core.proof import NOTHING, Asked, Difference, DifferingRow, Side, Verdict
from sqp_provider.core.proof_evidence import Evidence, of_evidence, of_history
from sqp_provider.core.proof_report import Line, Proof, Section, answer, as_json, differing, unproved, value
from sqp_provider.core.standing import Known

WEEK = "weekly 2026-11-08..2026-11-14"
CHANGED = DifferingRow("wireless mouse", "B000000001", "figures differ", {"total_clicks": (50, 51)})
LOST = DifferingRow("q", "B000000001", "missing in Postgres", {"total_clicks": (1204, None), "score": (None, None)})
ONE_ROW = Difference(1, 1, (244, 244), 1, [CHANGED])


def side(rows: int, row_hash: int = 7) -> Side:
    return Side("source", rows, row_hash)


def test_the_answer_is_one_line() -> None:
    assert answer(WEEK, side(19_001), side(19_001), NOTHING) == (
        "weekly 2026-11-08..2026-11-14 equals the source: 19,001 rows on both sides, the same hash"
    )
    assert answer(WEEK, side(19_001), side(19_001, 8), ONE_ROW) == (
        "weekly 2026-11-08..2026-11-14 differs from the source: 1 row (19,001 at the source, 19,001 in Postgres)"
    )


def test_the_row_asked_for_is_the_first_that_differs() -> None:
    found = differing(Difference(2, 2, (9, 9), 2, [LOST, CHANGED]), [CHANGED])
    assert found == Section(
        "Rows that differ (2 rows)",
        [
            Line("wireless mouse, B000000001", "total_clicks: source 50, Postgres 51"),
            Line("q, B000000001", "missing in Postgres: total_clicks 1,204, score null"),
        ],
    )


def test_the_text_is_aligned_and_the_statement_can_be_copied() -> None:
    section = Section("Period", [Line("status", "synced"), Line("rows as published", "19,001")])
    proof = Proof(WEEK, Verdict.EQUAL, "equal", "", [section], None, "select *\nfrom t")
    assert proof.as_text().splitlines() == [
        "equal",
        "",
        "Period",
        "  status                      synced",
        "  rows as published           19,001",
        "",
        "Source rows: this statement shows them in BigQuery's console",
        "select *",
        "from t",
    ]


def test_json_has_one_object_or_one_for_each_feed() -> None:
    proof = Proof(WEEK, Verdict.DIFFERS, "differs", difference=ONE_ROW)
    found = json.loads(as_json([proof]))
    assert (found["verdict"], found["exit_code"]) == ("differs", 1)
    assert found["difference"] == {
        "rows": 1,
        "is_exact": True,
        "buckets": 1,
        "buckets_read": 1,
        "rows_read": {"source": 244, "postgres": 244},
        "differing_rows": [
            {
                "query": "wireless mouse",
                "asin": "B000000001",
                "found": "figures differ",
                "columns": {"total_clicks": {"source": 50, "postgres": 51}},
            }
        ],
    }
    assert "feed" not in found
    several = json.loads(as_json([proof, unproved(WEEK, "nobody answers.", "Wait.", "acme_us")]))
    assert several[1]["feed"] == "acme_us"
    assert several[1]["answer"] == "weekly 2026-11-08..2026-11-14 could not be proved: nobody answers."


def test_a_decimal_keeps_its_digits_in_json() -> None:
    row = DifferingRow("q", "B000000001", "figures differ", {"click_share": (Decimal("0.05"), Decimal("0.050001"))})
    found = Proof(WEEK, Verdict.DIFFERS, "differs", difference=Difference(1, 1, (1, 1), 1, [row])).as_object()
    assert found["difference"]["differing_rows"][0]["columns"]["click_share"] == {
        "source": "0.05",
        "postgres": "0.050001",
    }


def test_values_are_written_for_people() -> None:
    assert [value(each) for each in (None, True, 1204, Decimal("0.050000"), date(2026, 11, 8))] == [
        "null",
        "yes",
        "1,204",
        "0.050000",
        "2026-11-08",
    ]
    assert value(datetime(2026, 11, 18, 6, 0, 12, 5, tzinfo=UTC)) == "2026-11-18 06:00:12 UTC"


def test_verdict_and_reason_are_shown_where_the_view_has_them() -> None:
    status = {"status": "synced", "cause": None, "trusted": False, "why": "214 of 360 ASINs"}
    status |= {"verdict": "arriving", "coverage": Decimal("0.594")}
    asked = Asked(SyncType.WEEKLY, date(2026, 11, 8))
    (standing,) = of_evidence(Evidence(Known(status, {})), asked)
    assert [(line.name, line.text) for line in standing.lines] == [
        ("status", "synced"),
        ("trusted", "no: 214 of 360 ASINs"),
        ("complete", "arriving, 0.594 of the expected ASINs"),
    ]


def test_what_changed_a_row_names_its_figures_before_who_published_it() -> None:
    before = {"updated_at": "2026-11-18", "avg_ctr": 0.5, "sync_log_id": 1, "total_clicks": 51}
    after = {"updated_at": "2026-11-19", "avg_ctr": 0.4, "sync_log_id": 2, "total_clicks": 50}
    change = {"change": "updated", "before": before, "after": after, "version": 7, "sync_log_id": 2, "is_healing": True}
    change |= {"changed_at": datetime(2026, 11, 19, 6, tzinfo=UTC), "changed_by": None}
    (section,) = of_history(Evidence(Known({}, {}), histories={("q", "B000000001"): [change]}))
    assert section.lines == [
        Line(
            "2026-11-19 06:00:00 UTC",
            "updated by publish 7 of sync 2, which healed it: total_clicks 51 → 50, avg_ctr 0.5 → 0.4, "
            "updated_at 2026-11-18 → 2026-11-19, sync_log_id 1 → 2",
        )
    ]


def test_a_feed_that_differs_is_not_hidden_by_one_that_could_not_be_proved() -> None:
    equal, differs, unknown = Verdict
    assert Verdict.of_all([unknown, differs, equal]).exit_code == 1
    assert Verdict.of_all([equal, unknown]).exit_code == 2
    assert Verdict.of_all([equal, equal]).exit_code == 0
