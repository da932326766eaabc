"""The values that a landed row has, by path."""

from __future__ import annotations

import json

import pytest

from sqp_provider.core.fields import fields_of, normalised


@pytest.mark.parametrize(
    "name", ["asinClickCount", "asin_click_count", "ASIN Click Count", "Asin-Click: Count"], ids=str
)
def test_all_spellings_of_a_name_are_one(name: str) -> None:
    assert normalised(name) == "asinclickcount"


def test_a_flat_column_has_its_values() -> None:
    (field,) = fields_of({"asin": "STRING NULLABLE"}, [{"asin": "B00TEST001"}, {"asin": None}, {}])
    assert (field.path, field.type, field.entries_of, field.samples) == ("asin", "STRING", None, ["B00TEST001"])


def test_a_record_is_its_fields_by_path() -> None:
    columns = {"clickData": "RECORD NULLABLE", "clickData.asinClickCount": "INT64 NULLABLE"}
    (field,) = fields_of(columns, [{"clickData": {"asinClickCount": 5}}])
    assert (field.path, field.type, field.name, field.samples) == (
        "clickData.asinClickCount",
        "INTEGER",
        "asinclickcount",
        [5],
    )


def test_what_is_in_a_list_of_records_belongs_to_its_entries() -> None:
    columns = {
        "dataByAsin": "RECORD REPEATED",
        "dataByAsin.asin": "STRING NULLABLE",
        "spec.ids": "STRING REPEATED",
    }
    rows = [{"dataByAsin": [{"asin": "A"}, {"asin": "B"}], "spec": {"ids": ["US"]}}]
    of_list, of_ids = fields_of(columns, rows)
    assert (of_list.path, of_list.entries_of, of_list.samples) == ("dataByAsin.asin", "dataByAsin", ["A", "B"])
    assert (of_ids.path, of_ids.entries_of, of_ids.samples, of_ids.name) == ("spec.ids[0]", None, ["US"], "ids")


@pytest.mark.parametrize("kind", ["JSON", "STRING"])
def test_json_and_text_that_holds_json_are_followed(kind: str) -> None:
    report = {"spec": {"ids": ["US", "CA"]}, "dataByAsin": [{"asin": "A", "clickData": {"n": 1}}], "odd.key": 1}
    value = json.dumps(report) if kind == "STRING" else report
    found = {field.path: field for field in fields_of({"report": f"{kind} NULLABLE"}, [{"report": value}])}
    assert set(found) == {"report.spec.ids[0]", "report.dataByAsin.asin", "report.dataByAsin.clickData.n"}
    assert found["report.dataByAsin.clickData.n"].entries_of == "report.dataByAsin"
    assert {field.type for field in found.values()} == {"JSON"}


def test_text_that_is_no_json_stays_text() -> None:
    (field,) = fields_of({"query": "STRING NULLABLE"}, [{"query": "{usb} cable"}, {"query": "[new]"}])
    assert (field.path, field.type) == ("query", "STRING")
