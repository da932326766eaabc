"""What landings call the columns of the report: Amazon's JSON, snake_case, CSV headers, and what connectors add.

Sources: Amazon's schema ``sellingPartnerSearchQueryPerformanceReport.json``; the headers of its CSV export; Airbyte's,
Fivetran's, Daton's, Hevo's, Stitch's and dlt's documentation of the columns that they add to each table.
"""

from __future__ import annotations

from sqp_provider.core.contract import SOURCE_COLUMNS
from sqp_provider.core.fields import normalised

PREFIXES = ("searchquerydata", "impressiondata", "clickdata", "cartadddata", "purchasedata")
"""The records of Amazon's JSON, which some connectors write before the names of their fields."""

_STAGES = {
    "impressions": ("impression", "impressions"),
    "clicks": ("click", "clicks"),
    "cart_adds": ("cartadd", "cartadds", "basketadd", "basketadds"),
    "purchases": ("purchase", "purchases"),
}


def _counts() -> dict[str, tuple[str, ...]]:
    """Return the names of own and market counts; those that say whose count it is come first."""
    found: dict[str, tuple[str, ...]] = {}
    for key, words in _STAGES.items():
        own = [f"asin{word}{end}" for word in words for end in ("count", "")]
        own += [f"{word}{whose}{end}" for word in words for whose in ("asin", "self") for end in ("count", "")]
        total = [f"total{query}{word}{end}" for word in words for query in ("query", "") for end in ("count", "")]
        total += [f"{word}total{end}" for word in words for end in ("count", "")]
        total += [f"market{word}{end}" for word in words for end in ("count", "")]
        found[key] = (*own, *(f"{word}count" for word in words), *words)
        found[f"market_{key}"] = tuple(total)
    return found


SYNONYMS: dict[str, tuple[str, ...]] = {
    **{column.key: (normalised(column.source_name),) for column in SOURCE_COLUMNS if column.is_extra},
    "period_start": (
        "startdate",
        "periodstart",
        "periodstartdate",
        "weekstart",
        "weekstartdate",
        "weekstarting",
        "reportstartdate",
        "datastartdate",
        "datastarttime",
        "datestart",
        "fromdate",
    ),
    "period_end": (
        "enddate",
        "periodend",
        "periodenddate",
        "weekend",
        "weekenddate",
        "weekending",
        "reportenddate",
        "dataenddate",
        "dataendtime",
        "dateend",
        "todate",
    ),
    "asin": ("childasin", "asin", "productasin", "parentasin", "scopevalue"),
    "search_query": (
        "searchquery",
        "searchterm",
        "query",
        "customersearchterm",
        "searchquerytext",
        "searchqueryraw",
        "keyword",
    ),
    "query_score": ("searchqueryscore", "queryscore", "searchqueryrank", "score"),
    "query_volume": ("searchqueryvolume", "queryvolume", "searchvolume", "volume"),
    **_counts(),
    "report_period": (
        "reportperiod",
        "reportingperiod",
        "periodtype",
        "periodgranularity",
        "granularity",
        "reportinggranularity",
        "reportingrange",
        "timeperiod",
        "timegranularity",
        "aggregation",
        "frequency",
        "period",
    ),
    "marketplace": (
        "marketplaceid",
        "marketplaceids",
        "marketplace",
        "marketplacecountrycode",
        "marketplacecountry",
        "marketplacename",
        "obmarketplaceid",
        "countrycode",
        "country",
    ),
    "ingested_at": (
        "ingestedat",
        "airbyteextractedat",
        "airbyteemittedat",
        "fivetransynced",
        "datonbatchruntime",
        "hevoingestedat",
        "sdcbatchedat",
        "sdcreceivedat",
        "sdcextractedat",
        "loadedat",
        "ingestiontimestamp",
        "ingestiontime",
        "loadtimestamp",
        "loadtime",
        "insertedat",
        "importedat",
        "syncedat",
        "extractedat",
        "downloadedat",
        "exportedat",
        "processedat",
        "obmodifieddate",
        "modifieddate",
        "updatedat",
        "createdat",
    ),
}
"""By logical column, as :func:`sqp_provider.core.fields.normalised` writes them; the first there is counts."""

ANY_DATE = ("date", "reportdate", "reportingdate", "perioddate", "week", "month", "day")
"""Names that do not say whether it is a period's first day or its last; the values do."""

DELETED = ("fivetrandeleted", "isdeleted", "deleted", "hevomarkeddeleted")
"""True where a connector says that the row is gone at its own source."""
