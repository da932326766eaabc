"""What the doctor makes of answers: order, what is skipped, the table, the exit code."""

from __future__ import annotations

import json

from sqp_provider.core.doctor import (
    Answer,
    Check,
    Finding,
    Verdict,
    as_json,
    as_table,
    examine,
    failed,
    good,
    has_failed,
    warning,
)
from sqp_provider.core.errors import SourceUnreachable, SourceUnusable


def check(name: str, answer: Answer, *needs: str, section: str = "BigQuery") -> Check:
    return Check(section, name, lambda: answer, needs)


def test_checks_are_asked_in_their_order() -> None:
    findings = list(examine([check("b", good("1")), check("a", warning("2", "do")), check("c", failed("3", "fix"))]))
    assert [(found.name, found.verdict) for found in findings] == [("b", "good"), ("a", "warning"), ("c", "failed")]
    assert findings[2] == Finding("BigQuery", "c", Verdict.FAILED, "3", "fix")


def test_what_follows_a_failure_is_not_asked_and_says_why() -> None:
    def never() -> Answer:
        raise AssertionError("asked although what it needs failed")

    findings = list(
        examine(
            [
                check("reached", failed("no answer", "wait")),
                Check("BigQuery", "table", never, ("reached",)),
                Check("BigQuery", "columns", never, ("table",)),
                check("version", good("18")),
            ]
        )
    )
    assert [found.verdict for found in findings] == ["failed", "skipped", "skipped", "good"]
    assert {found.found for found in findings[1:3]} == {"not checked, because 'reached' failed"}


def test_what_follows_a_warning_is_asked_unless_the_warning_stops_it() -> None:
    going_on, stopping = warning("slow", "do"), warning("not there yet", "migrate", stops=True)
    for answer, verdict in ((going_on, "good"), (stopping, "skipped")):
        first, second = examine([check("schema", answer), check("rights", good("all"), "schema")])
        assert (first.verdict, second.verdict) == ("warning", verdict)
    assert second.found == "not checked, because of 'schema'"


def test_an_error_of_ours_is_split_into_what_was_found_and_what_to_do() -> None:
    def refuses() -> Answer:
        raise SourceUnusable("table a.b was refused: not found. The target is unchanged. Check source.table.")

    (finding,) = examine([Check("BigQuery", "table", refuses)])
    assert (finding.verdict, finding.found) == ("failed", "table a.b was refused: not found.")
    assert finding.advice == "Check source.table."


def test_a_check_that_breaks_hides_none_of_the_others() -> None:
    def breaks() -> Answer:
        raise KeyError("rows")

    broken, other = examine([Check("Postgres", "rights", breaks), check("version", good("18"))])
    assert broken.verdict is Verdict.FAILED
    assert broken.found == "the check broke: KeyError: 'rows'"
    assert other.verdict is Verdict.GOOD


def test_warnings_and_skipped_checks_are_no_failures() -> None:
    findings = list(examine([check("a", warning("w", "do", stops=True)), check("b", good("g"), "a")]))
    assert not has_failed(findings)
    assert has_failed([*findings, Finding("Alerts", "c", Verdict.FAILED, "f", "fix")])


def test_the_table_has_a_section_a_mark_and_aligned_columns() -> None:
    findings = [
        Finding("Airflow", "connection sqp_bigquery", Verdict.GOOD, "found"),
        Finding("BigQuery", "location", Verdict.FAILED, "EU and US " * 8, "Create a dataset in EU."),
        Finding("BigQuery", "write right", Verdict.SKIPPED, "not checked, because 'location' failed"),
    ]
    lines = as_table(findings).splitlines()
    assert lines[:3] == ["Airflow", "  ok    connection sqp_bigquery   found", "BigQuery"]
    assert lines[3].startswith("  FAIL  location                  EU and US ")
    assert lines[3].endswith("  Create a dataset in EU.")
    assert lines[3].index("EU") == lines[4].index("US" if lines[4].lstrip().startswith("US") else "EU") == 34
    assert lines[5] == "  -     write right               not checked, because 'location' failed"
    assert lines[-1] == "3 checks: 1 good, 0 with a warning, 1 failed, 1 not checked. Nothing was changed."
    assert all(len(line) <= 150 for line in lines)


def test_json_has_an_object_for_each_check() -> None:
    assert json.loads(as_json([Finding("Airflow", "a", Verdict.WARNING, "größer", "do")])) == [
        {"section": "Airflow", "name": "a", "verdict": "warning", "found": "größer", "advice": "do"}
    ]


def test_the_advice_does_not_speak_of_a_task() -> None:
    def blocked() -> Answer:
        raise SourceUnusable(
            "it was refused: no billing. The target is unchanged. Link an account, and clear the task."
        )

    def silent() -> Answer:
        raise SourceUnreachable("it did not succeed: timeout. The target is unchanged. Airflow tries the task again.")

    refused, unanswered = examine([Check("BigQuery", "job right", blocked), Check("BigQuery", "table", silent)])
    assert refused.advice == "Link an account."
    assert unanswered.advice == "Run the doctor again when it answers."


def test_the_json_names_the_feed_where_there_are_several() -> None:
    asked = [
        check("reached", good("yes")),
        check("table", failed("none", "name one")),
        check("columns", good(""), "table"),
    ]
    of_one = json.loads(as_json(list(examine(asked))))
    of_many = json.loads(as_json(list(examine(asked, "acme_us"))))
    assert [sorted(finding) for finding in of_one] == [["advice", "found", "name", "section", "verdict"]] * 3
    assert of_many == [finding | {"feed": "acme_us"} for finding in of_one]
