"""Propose the section ``source`` of sqp_config.yaml for a table: which column is taken for what, and why."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from sqp_provider.core.contract import ASIN, INGESTED_AT, PERIOD_END, PERIOD_START, REPORT_PERIOD, SOURCE_COLUMNS
from sqp_provider.core.fields import Field, fields_of
from sqp_provider.core.guess import as_day, as_moment, as_report, ends_periods
from sqp_provider.core.landing import tells_feeds_apart
from sqp_provider.core.marketplaces import MARKETPLACES
from sqp_provider.core.proposed_file import MISSING, Line, Proposal
from sqp_provider.core.synonyms import ANY_DATE, DELETED, PREFIXES, SYNONYMS
from sqp_provider.core.table_facts import TableFacts

_DATES = (PERIOD_START.key, PERIOD_END.key)
_MAPPED_BY_NAME = [
    column
    for column in SOURCE_COLUMNS
    if column.key not in (*_DATES, ASIN.key, REPORT_PERIOD.key, "marketplace", INGESTED_AT.key)
]


def propose(facts: TableFacts, rows: Sequence[Mapping[str, Any]]) -> Proposal:
    """Take each logical column for the field whose name and values fit best.

    :param rows: some rows of the table.
    """
    fields = fields_of(facts.columns, rows)
    found = Proposal(table=facts.name, unnest=_unnest(fields))
    usable = [each for each in fields if each.entries_of in (None, found.unnest)]
    found.columns += _date_lines(usable)
    found.columns += _asin_lines(usable)
    for column in _MAPPED_BY_NAME:
        each = _named(usable, column.key, column.bigquery_types)
        if each:
            found.columns.append(Line(column.key, each.path, _seen(each)))
        elif column.required:
            found.columns.append(_not_found(column.key))
        elif not column.is_extra:
            found.columns.append(Line(column.key, None, "optional; no column has such a name"))
    found.columns += [*_report_lines(usable), *_ingested_lines(usable)]
    _decide_feeds(found, usable)
    return found


def _unnest(fields: Sequence[Field]) -> str | None:
    """Return the list whose entries have the search query, unless the row itself has it."""
    queries = [each for each in fields if _name(each) in SYNONYMS["search_query"]]
    if not queries or any(each.entries_of is None for each in queries):
        return None
    return queries[0].entries_of


def _named(fields: Sequence[Field], key: str, types: Sequence[str], names: Sequence[str] = ()) -> Field | None:
    """Return the field with the best name for a logical column whose type can be read."""
    return next(iter(_all_named(fields, types, names or SYNONYMS[key])), None)


def _all_named(fields: Sequence[Field], types: Sequence[str], names: Sequence[str]) -> list[Field]:
    """Return the fields of such a name, the best first: an entry's own before the row's, a short path before a long."""
    readable = {*types, "JSON"} if "STRING" in types else set(types)
    fitting = [each for each in fields if _name(each) in names and each.type in readable]
    return sorted(fitting, key=lambda each: (each.entries_of is None, names.index(_name(each)), each.path.count(".")))


def _name(each: Field) -> str:
    """Return its name without that of a record of Amazon's: ``searchquery`` for ``searchquerydatasearchquery``."""
    rest = (each.name.removeprefix(prefix) for prefix in PREFIXES if each.name.startswith(prefix))
    return next(filter(None, rest), each.name)


def _date_lines(fields: Sequence[Field]) -> Iterator[Line]:
    types = PERIOD_START.bigquery_types
    found = {key: _named(fields, key, types) for key in _DATES}
    if not any(found.values()):
        any_date = _named(fields, "", types, ANY_DATE)
        read = as_day(any_date) if any_date else None
        if any_date and read:
            found["period_end" if ends_periods(read[2]) else "period_start"] = any_date
    for key, each in found.items():
        read = as_day(each) if each else None
        if each and read:
            last = "; its values are last days of periods" if key == "period_end" and each.name in ANY_DATE else ""
            yield Line(key, read[0], f"{read[1]}{last}")
        elif each:
            yield Line(
                key, MISSING, f"`{each.path}` is written in no known way, such as {_example(each)}; add a format"
            )
        elif any(found.values()):
            yield Line(key, None, "no such column; the other date says it")
        else:
            yield _not_found(key, ANY_DATE)


def _asin_lines(fields: Sequence[Field]) -> Iterator[Line]:
    found = [each for each in _all_named(fields, ASIN.bigquery_types, SYNONYMS["asin"]) if _has_asins(each)]
    names = {_name(each): each for each in reversed(found)}
    if "childasin" in names and "parentasin" in names:
        child, parent = names["childasin"], names["parentasin"]
        yield Line("asin", [child.path, parent.path], f"the child's, else the parent's, such as {_example(child)}")
    elif found:
        yield Line("asin", found[0].path, _seen(found[0]))
    else:
        yield _not_found("asin")


def _has_asins(each: Field) -> bool:
    return not each.samples or any(re.fullmatch(r"[A-Za-z0-9]{10}", str(value).strip()) for value in each.samples)


def _report_lines(fields: Sequence[Field]) -> Iterator[Line]:
    each = _named(fields, REPORT_PERIOD.key, REPORT_PERIOD.bigquery_types)
    read = as_report(each) if each else None
    if read:
        yield Line(REPORT_PERIOD.key, *read)


def _ingested_lines(fields: Sequence[Field]) -> Iterator[Line]:
    each = _named(fields, INGESTED_AT.key, INGESTED_AT.bigquery_types)
    read = as_moment(each) if each else None
    if read:
        yield Line(INGESTED_AT.key, read[0], f"{read[1]}; of several copies of a row the newest counts")


def _decide_feeds(found: Proposal, fields: Sequence[Field]) -> None:
    """Note which fields may tell feeds apart; rows that a connector calls deleted are left out."""
    marketplace = _named(fields, "marketplace", ("STRING",))
    found.marketplace_path = marketplace.path if marketplace else None
    mapped = {str(line.value) for line in found.columns}
    found.feeds = [
        each
        for each in fields
        if each.type in ("STRING", "INTEGER", "JSON")
        and each.path not in mapped
        and (each.path == found.marketplace_path or tells_feeds_apart(each.path.removesuffix("[0]")))
    ]
    for each in fields:
        if each.type == "BOOLEAN" and each.name in DELETED:
            found.where.append(Line(each.path, False, "rows that the connector calls deleted are left out"))


Combination = tuple[tuple[str | None, ...], int]
"""The values that the fields of ``feeds`` have together, and how many rows have them."""


def choose_feed(found: Proposal, combinations: Sequence[Combination]) -> list[str]:
    """Take the feed with the most rows, and say in words which rows that takes and leaves out."""
    known = [each for each in combinations if any(each[0])]
    if not known:
        found.same_feed += [Line(each.path, None, "could tell feeds apart, and is empty") for each in found.feeds]
        return []
    by_asin = [number for number, each in enumerate(found.feeds) if each.name == "scopetype"]
    chosen, rows = max(known, key=lambda each: (_is_of_asins(each[0], by_asin), sum(map(bool, each[0])), each[1]))
    for number, (each, value) in enumerate(zip(found.feeds, chosen, strict=True)):
        others = sorted({str(values[number] or "null") for values, _ in combinations if values[number] != value})
        why = f"rows with {', '.join(others)} are left out" if others else "the only value there is"
        if not value:
            found.same_feed.append(Line(each.path, None, "could tell feeds apart; empty in the rows that are taken"))
        elif each.path == found.marketplace_path:
            found.columns.append(Line("marketplace", each.path, "which marketplace a row is of"))
            found.marketplace = Line("marketplace", value, why)
        else:
            found.where.append(Line(each.path, _typed(each, value), why))
    found.several = _several(found, chosen, combinations)
    left = sorted((each for each in combinations if each[0] != chosen), key=lambda each: -each[1])
    taken = f"{_feed(found.feeds, chosen)}: {rows:,} rows, taken"
    return [taken, *(f"{_feed(found.feeds, values)}: {count:,} rows, left out" for values, count in left)]


def _several(found: Proposal, chosen: tuple[str | None, ...], combinations: Sequence[Combination]) -> list[Line]:
    """Return a feed for each combination that says as much as the chosen one, with what it has of its own."""
    scopes = [number for number, each in enumerate(found.feeds) if each.name == "scopetype"]
    alike: Counter[tuple[str, ...]] = Counter()
    for values, rows in combinations:
        says_as_much = [bool(value) for value in values] == [bool(value) for value in chosen]
        if says_as_much and all(values[number] == chosen[number] for number in scopes):
            alike[_folded(found, values)] += rows
    told = [n for n, value in enumerate(chosen) if value and len({values[n] for values in alike}) > 1]
    lines: dict[str, Line] = {}
    for values, rows in alike.most_common():
        name = unused(feed_name([values[n] for n in told]), lines)
        lines[name] = Line(name, {"source": _own(found, {n: values[n] for n in told})}, f"{rows:,} rows")
    return list(lines.values()) if len(lines) > 1 else []


def _folded(found: Proposal, values: Sequence[str | None]) -> tuple[str, ...]:
    """Return the values as a configuration compares them: case makes no difference for a marketplace alone."""
    pairs = zip(found.feeds, values, strict=True)
    return tuple((value or "").upper() if each.path == found.marketplace_path else value or "" for each, value in pairs)


def _own(found: Proposal, told: Mapping[int, str]) -> dict[str, Any]:
    """Return what a feed has of its own: ``{"marketplace": "ATVPDKIKX0DER", "where": {"client_name": "Acme"}}``."""
    own: dict[str, Any] = {}
    for number, value in told.items():
        each = found.feeds[number]
        if each.path == found.marketplace_path:
            own["marketplace"] = value
        else:
            own.setdefault("where", {})[each.path] = _typed(each, value)
    return own


def feed_name(values: Sequence[str]) -> str:
    """Return a name for a feed: ``us_acme_inc`` for a marketplace id of the United States and ``Acme Inc.``."""
    countries = {marketplace: country for country, marketplace in MARKETPLACES.items()}
    words = "_".join(countries.get(value.upper(), value) for value in values)
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:36].rstrip("_")
    return name if name[:1].isalpha() and name != "all" and not f"_{name}".endswith("_staging") else f"feed_{name}x"


def unused(name: str, taken: Container[str]) -> str:
    """``unused("acme", {"acme"}) == "acme_2"``."""
    names = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
    return next(each for each in names if each not in taken)


def _typed(each: Field, value: str) -> str | int:
    return int(value) if each.type == "INTEGER" else value


def _is_of_asins(values: Sequence[str | None], scopes: Sequence[int]) -> bool:
    """Return whether the rows are those of ASINs, and not a brand's, where a column tells them apart."""
    return all(str(values[number]).lower() == "asin" for number in scopes)


def _feed(feeds: Sequence[Field], values: Sequence[str | None]) -> str:
    return ", ".join(f"{each.path} {value or 'null'}" for each, value in zip(feeds, values, strict=True))


def _not_found(key: str, more: Sequence[str] = ()) -> Line:
    return Line(key, MISSING, f"NOT FOUND; looked for {_looked_for(key, more)}. Write its name here")


def _looked_for(key: str, more: Sequence[str] = ()) -> str:
    return ", ".join([*SYNONYMS[key], *more][:8])


def _seen(each: Field) -> str:
    return f"{'text in JSON' if each.type == 'JSON' else each.type}{_such_as(each)}"


def _such_as(each: Field) -> str:
    return f", such as {_example(each)}" if each.samples else ""


def _example(each: Field) -> str:
    text = " ".join(str(each.samples[0]).split()) if each.samples else "nothing"
    return text if len(text) <= 40 else f"{text[:39]}…"
