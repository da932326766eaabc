"""Reading one file of Amazon's CSV export."""

from __future__ import annotations

import pytest

from sqp_provider.core.period import SyncType
from sqp_provider.landings.columns import TABLE, folded
from sqp_provider.landings.errors import UnusableExport
from sqp_provider.landings.export import Export, read_export
from sqp_provider.landings.origin import ExportOptions
from tests.exports import AMERICAN, BRAND, BRITISH, MONTHLY, QUARTERLY, WEEKLY, export, line

NAME = "US_Search_Query_Performance_ASIN_View_Simple_Week_2026_11_14.csv"


def read(text: str | bytes, name: str = NAME, **options: object) -> Export:
    content = text.encode() if isinstance(text, str) else text
    return read_export(name, content, ExportOptions(**options))  # type: ignore[arg-type]


def refusal(text: str | bytes, name: str = NAME, **options: object) -> str:
    with pytest.raises(UnusableExport) as refused:
        read(text, name, **options)
    return str(refused.value)


def test_an_american_file_lands_with_amazons_names_and_units() -> None:
    found = read(export())
    assert str(found) == "B00TEST001, ATVPDKIKX0DER, weekly 2026-11-08..2026-11-14, 1 row"
    (row,) = found.rows
    assert row == {
        "start_date": "2026-11-08",
        "end_date": "2026-11-14",
        "report_period": "WEEK",
        "marketplace_id": "ATVPDKIKX0DER",
        "asin": "B00TEST001",
        "search_query": "wireless headphones",
        "search_query_score": 5,
        "search_query_volume": 15000,
        "total_query_impression_count": 10000,
        "asin_impression_count": 765,
        "asin_impression_share": "0.0765",
        "total_click_count": 1000,
        "total_click_rate": "0.0667",
        "asin_click_count": 50,
        "asin_click_share": "0.05",
        "total_median_click_price": "19.99",
        "asin_median_click_price": "19.99",
        "total_same_day_shipping_click_count": 200,
        "total_one_day_shipping_click_count": 300,
        "total_two_day_shipping_click_count": 500,
        "total_cart_add_count": 200,
        "total_cart_add_rate": "0.0133",
        "asin_cart_add_count": 10,
        "asin_cart_add_share": "0.05",
        "total_median_cart_add_price": "19.99",
        "asin_median_cart_add_price": None,
        "total_same_day_shipping_cart_add_count": 40,
        "total_one_day_shipping_cart_add_count": 60,
        "total_two_day_shipping_cart_add_count": 100,
        "total_purchase_count": 100,
        "total_purchase_rate": "0.0067",
        "asin_purchase_count": 5,
        "asin_purchase_share": "0.05",
        "total_median_purchase_price": "19.99",
        "asin_median_purchase_price": None,
        "total_same_day_shipping_purchase_count": 20,
        "total_one_day_shipping_purchase_count": 30,
        "total_two_day_shipping_purchase_count": 50,
    }
    assert set(row) == set(TABLE) - {"ingested_at", "source_file", "source_sha256"}


def test_a_british_file_lands_as_an_american_one() -> None:
    british = read(export(header=BRITISH), name=NAME.replace("US_", "UK_"))
    assert british.marketplace == "A1F83G8C2ARO7P"
    american = read(export(), name="export.csv", marketplace="A1F83G8C2ARO7P")
    assert british.rows == american.rows


@pytest.mark.parametrize(
    "content",
    [
        export().encode("utf-8-sig"),
        export().encode("utf-16"),
        b"\xfe\xff" + export().encode("utf-16-be"),
        export().encode("utf-16-le"),
        export().replace("\n", "\r\n").encode(),
        (export() + "\n;;;\n\n").replace(";", ",").encode(),
        (WEEKLY + "\n\n" + AMERICAN + "\n" + line()).encode(),
        export(first_line='"ASIN or Product=[""B00TEST001""]","Reporting Range=[""Weekly""]"').encode(),
        export().replace('","', '"\t"').encode("utf-16"),
        export().replace('","', '";"').encode(),
    ],
    ids=[
        *("utf-8 with a mark", "utf-16", "big endian", "without a mark", "windows", "empty lines"),
        *("a line between", "quoted first line", "tabs", "semicolons"),
    ],
)
def test_encodings_and_what_spreadsheets_write_make_no_difference(content: bytes) -> None:
    assert read(content).rows == read(export()).rows


@pytest.mark.parametrize(
    ("first_line", "day", "period"),
    [
        (WEEKLY, "2026-11-14", "weekly 2026-11-08..2026-11-14"),
        (MONTHLY, "2026-10-31", "monthly 2026-10-01..2026-10-31"),
        (QUARTERLY, "2026-09-30", "quarterly 2026-07-01..2026-09-30"),
        # a Sunday ends this month
        (MONTHLY.replace("2026", "2025").replace("October", "August"), "2025-08-31", "monthly 2025-08-01..2025-08-31"),
        # a range that is named in no language we know, with the days of a week
        (WEEKLY.replace("Weekly", "Wöchentlich"), "2026-11-14", "weekly 2026-11-08..2026-11-14"),
        (WEEKLY.replace(" - 2026", " – 2026"), "2026-11-14", "weekly 2026-11-08..2026-11-14"),
        # a week that begins in the year before
        (
            'ASIN=["B00TEST001"],Reporting Range=["Weekly"],Select year=["2027"]',
            "2027-01-02",
            "weekly 2026-12-27..2027-01-02",
        ),
    ],
)
def test_the_reporting_date_ends_the_period(first_line: str, day: str, period: str) -> None:
    assert str(read(export(line(day=day), first_line=first_line)).period) == period


def test_a_file_without_reporting_dates_has_the_days_of_its_first_line() -> None:
    text = export(line().rpartition(",")[0], header=AMERICAN.rpartition(",")[0])
    assert str(read(text).period) == "weekly 2026-11-08..2026-11-14"
    without = export(line().rpartition(",")[0], header=AMERICAN.rpartition(",")[0], first_line=MONTHLY)
    assert "has neither a column Reporting Date nor days in its first line" in refusal(without)


def test_options_say_what_a_file_without_a_first_line_does_not() -> None:
    text = export(line(day="2026-10-31"), first_line="")
    found = read(text, name="x.csv", asin="b00test009", marketplace="A1PA6795UKMFR9", sync_type=SyncType.MONTHLY)
    assert (found.asin, found.marketplace, str(found.period)) == (
        "B00TEST009",
        "A1PA6795UKMFR9",
        "monthly 2026-10-01..2026-10-31",
    )
    options = {"asin": "B00TEST009", "marketplace": "ATVPDKIKX0DER", "sync_type": SyncType.MONTHLY}
    for missing, says in [
        ("asin", "does not say its ASIN: it has no first line such as ASIN=[…]. Say it with --asin."),
        ("marketplace", "does not say its marketplace. Say it with --marketplace"),
        ("sync_type", "does not say its period: it has no range. Say it with --period"),
    ]:
        given = {key: value for key, value in options.items() if key != missing}
        assert says in refusal(text, name="x.csv", **given)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"asin": "B00TEST002"}, "is of B00TEST001 by its first line, but --asin is B00TEST002"),
        ({"marketplace": "A2EUQ1WTGCTBG2"}, "is named as an export of US (ATVPDKIKX0DER), but --marketplace is A2EU"),
        ({"sync_type": SyncType.MONTHLY}, "is weekly by its first line, but --period is monthly"),
    ],
)
def test_an_option_that_contradicts_the_file_is_refused(options: dict[str, object], says: str) -> None:
    assert says in refusal(export(), **options)


@pytest.mark.parametrize(
    ("first_line", "day", "says"),
    [
        (WEEKLY, "2026-11-21", "is of weekly 2026-11-15..2026-11-21 by its reporting date, but its first line says"),
        (WEEKLY, "2026-11-15", "has the reporting date 2026-11-15 (Sunday), which ends no weekly period"),
        (MONTHLY, "2026-11-30", "but its first line says month 10"),
        (MONTHLY, "2025-10-31", "but its first line says year 2026"),
        (QUARTERLY, "2026-12-31", "but its first line says quarter 3"),
        (WEEKLY.replace("Weekly", "Täglich").replace("11-08", "11-09"), "2026-11-14", "its range is 'Täglich', which"),
        (WEEKLY.replace("B00TEST001", "B00"), "2026-11-14", "is of 'B00' by its first line; expected ten letters"),
        (WEEKLY.replace('"]', '","B00TEST002"]', 1), "2026-11-14", "is of 2 ASINs (B00TEST001, B00TEST002)"),
    ],
)
def test_a_first_line_that_does_not_fit_the_rows_is_refused(first_line: str, day: str, says: str) -> None:
    assert says in refusal(export(line(day=day), first_line=first_line))


def test_the_brand_view_is_refused_with_what_to_export_instead() -> None:
    header = AMERICAN.replace("ASIN", "Brand")
    for text in (export(first_line=BRAND, header=header), export(first_line="", header=header)):
        assert refusal(text).startswith("is an export of the Brand view, which has no figures by ASIN.")
        assert "choose the ASIN view" in refusal(text)


def test_an_unknown_header_is_named_with_the_option_that_maps_it() -> None:
    text = export(header=AMERICAN.replace("Clicks: ASIN Count", "Klicks: ASIN-Anzahl"))
    assert "not known: 'Klicks: ASIN-Anzahl'" in refusal(text)
    assert "--header 'Klicks: ASIN-Anzahl=asin_click_count'" in refusal(text)
    assert read(text, headers={folded("Klicks: ASIN-Anzahl"): "asin_click_count"}).rows == read(export()).rows
    left_out = refusal(text, headers={folded("Klicks: ASIN-Anzahl"): None})
    assert left_out.startswith("lacks Clicks: ASIN Count, so it is no Search Query Performance export")


def test_two_headers_of_one_column_are_refused() -> None:
    text = export(line() + ',"1"', header=AMERICAN + ',"Clicks: ASIN-Count"')
    assert "has more than one header for asin_click_count" in refusal(text)


def test_a_column_of_asins_that_somebody_added_is_read() -> None:
    header, row = AMERICAN + ",ASIN", line()
    assert read(export(row + ",b00test001", header=header)).asin == "B00TEST001"
    assert "but its column ASIN is B00TEST002" in refusal(export(row + ",B00TEST002", header=header))
    two = export(row + ",B00TEST001", line("other") + ",B00TEST002", header=header, first_line="")
    assert "has 2 ASINs (B00TEST001, B00TEST002, …); expected one. Split the file." in refusal(two)


def test_malformed_lines_are_counted_and_shown_with_their_line() -> None:
    text = export(
        line("sound"),
        line("german").replace('"1,000"', '"1.000"'),
        line("short").rpartition(",")[0],
        line(""),
        line("date").replace("2026-11-14", "14/11/2026"),
        line("price").replace('"19.99"', '"$19.99"'),
    )
    says = refusal(text)
    assert says.startswith("has 5 malformed of 6 lines: line 4: total_click_count is '1.000', expected a whole number")
    assert "line 5: 33 cells instead of 34; line 6: the search query is empty; and 2 more." in says
    assert "reporting_date is '14/11/2026', expected a date such as 2026-11-07" in refusal(
        export(line(day="14/11/2026"))
    )
    assert "total_median_click_price is '$19.99'" in refusal(export(line().replace('"19.99"', '"$19.99"', 1)))


@pytest.mark.parametrize(
    ("cell", "lands_as"),
    [("7.65%", "0.0765"), ("0", "0"), ("100", "1"), ("1,234.5", "12.345"), ("33.33333333333", "0.333333333")],
)
def test_a_percentage_lands_as_a_fraction(cell: str, lands_as: str) -> None:
    (row,) = read(export(line().replace('"7.65"', f'"{cell}"'))).rows
    assert row["asin_impression_share"] == lands_as


@pytest.mark.parametrize("cell", ["9" * 19, "1e5", "-5", "٣", "12,34", "n/a", "0.5"])
def test_what_bigquery_or_the_sync_would_not_take_as_a_count_is_malformed(cell: str) -> None:
    assert f"line 3: asin_impression_count is '{cell}'" in refusal(export(line().replace('"765"', f'"{cell}"')))


def test_a_query_with_a_nul_character_is_malformed() -> None:
    assert "line 3: the search query has a NUL character" in refusal(export(line("a\0b")))


def test_a_line_break_in_a_query_moves_the_lines_after_it() -> None:
    assert "line 5: " in refusal(export(line("two\nlines"), line("")))
    (row,) = read(export(line('two\nlines, "quoted" 😀'.replace('"', '""')))).rows
    assert row["search_query"] == 'two\nlines, "quoted" 😀'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "has no header"),
        (WEEKLY.encode(), "has no header"),
        (export(line("café")).encode("cp1252"), "is not UTF-8 text: invalid continuation byte at byte"),
        (export(line('a"b')).encode(), "is no CSV file from line 3 on"),
        (export(line() + '\n"open').encode(), "is no CSV file from line 4 on"),
    ],
)
def test_what_is_no_csv_file_is_refused(content: bytes, says: str) -> None:
    assert says in refusal(content)


def test_rows_of_two_reporting_dates_are_refused() -> None:
    text = export(line("a"), line("b", day="2026-11-21"))
    assert "has 2 reporting dates (2026-11-14, 2026-11-21, …); expected one. Split the file." in refusal(text)


def test_a_file_without_rows_is_usable() -> None:
    assert str(read(WEEKLY + "\n" + AMERICAN + "\n")) == "B00TEST001, ATVPDKIKX0DER, no period, 0 rows"
