"""Landings that are known by name: ``source.landing``. Each is what the file would say under ``source``.

What the file itself says comes first, key by key. Each fact has its public source beside it; what no public source
shows is left out. ``docs/data-contract.md`` says what a landing needs at least.
"""

from __future__ import annotations

from typing import Any

_ISO = "%Y-%m-%d"


def _entries(before: str = "") -> dict[str, Any]:
    """Return where an entry of Amazon's dataByAsin has its figures."""
    paths = {
        "asin": "asin",
        "search_query": "searchQueryData.searchQuery",
        "query_score": "searchQueryData.searchQueryScore",
        "query_volume": "searchQueryData.searchQueryVolume",
        "market_impressions": "impressionData.totalQueryImpressionCount",
        "impressions": "impressionData.asinImpressionCount",
        "market_clicks": "clickData.totalClickCount",
        "clicks": "clickData.asinClickCount",
        "market_cart_adds": "cartAddData.totalCartAddCount",
        "cart_adds": "cartAddData.asinCartAddCount",
        "market_purchases": "purchaseData.totalPurchaseCount",
        "purchases": "purchaseData.asinPurchaseCount",
    }
    return {
        "period_start": {"column": f"{before}startDate", "format": _ISO},
        "period_end": {"column": f"{before}endDate", "format": _ISO},
        **{key: before + path for key, path in paths.items()},
    }


PRESETS: dict[str, dict[str, Any]] = {
    # The names of Amazon's report in snake_case, one column a figure; the defaults of source.columns.
    "sp-api": {},
    # Amazon's report file as it is: one row a file, whose list dataByAsin has a row for each ASIN and query. Records
    # and lists, as a JSON load with schema detection makes them, or columns of JSON or of text that holds JSON.
    # https://github.com/amzn/selling-partner-api-models
    #   schemas/reports/sellingPartnerSearchQueryPerformanceReport.json
    "sp-api-json": {
        "unnest": "dataByAsin",
        "columns": {
            **_entries("dataByAsin."),
            "report_period": "reportSpecification.reportOptions.reportPeriod",
            "marketplace": "reportSpecification.marketplaceIds[0]",
        },
    },
    # The entries of dataByAsin, one a row, with Amazon's records. The marketplace is not in an entry.
    # Source: the same schema, definition SearchQueryPerformanceData.
    "sp-api-records": {"columns": _entries()},
    # A table in an agency's BigQuery with the names as titles, several clients in one. Date is a TIMESTAMP, the Sunday.
    # Say which client with where: {Client Name: …}, and which marketplace.
    # https://github.com/neverMEH/amzatlas  src/config/column-mappings.ts, docs/weekly-sync-setup.md
    "titles": {
        "columns": {
            "period_start": {"column": "Date", "format": _ISO, "time_zone": "UTC"},
            "period_end": None,
            "asin": ["Child ASIN", "Parent ASIN"],
            "search_query": "Search Query",
            "query_score": "Search Query Score",
            "query_volume": "Search Query Volume",
            "market_impressions": "Total Query Impression Count",
            "impressions": "ASIN Impression Count",
            "market_clicks": "Total Click Count",
            "clicks": "ASIN Click Count",
            "market_cart_adds": "Total Cart Add Count",
            "cart_adds": "ASIN Cart Add Count",
            "market_purchases": "Total Purchase Count",
            "purchases": "ASIN Purchase Count",
        },
    },
    # Amazon's CSV export after a BigQuery load that detects the names: each character that is no letter, digit or
    # underscore becomes one underscore. The file has no ASIN; `sqp landings load` adds it, or whoever loads the files.
    # An external table has it if it is in the files' names: asin: {column: _FILE_NAME, pattern: "(B0[A-Z0-9]{8})"}
    # The rule: https://cloud.google.com/bigquery/docs/reference/bq-cli-reference (column_name_character_map V1) and
    # https://github.com/bxparks/bigquery-schema-generator/issues/14
    "amazon-csv": {
        "columns": {
            "period_start": None,
            "period_end": {"column": "Reporting_Date", "format": _ISO},
            "asin": "ASIN",
            "search_query": "Search_Query",
            "query_score": "Search_Query_Score",
            "query_volume": "Search_Query_Volume",
            "market_impressions": "Impressions__Total_Count",
            "impressions": "Impressions__ASIN_Count",
            "market_clicks": "Clicks__Total_Count",
            "clicks": "Clicks__ASIN_Count",
            "market_cart_adds": "Cart_Adds__Total_Count",
            "cart_adds": "Cart_Adds__ASIN_Count",
            "market_purchases": "Purchases__Total_Count",
            "purchases": "Purchases__ASIN_Count",
        },
    },
    # The same with flexible column names (column_name_character_map V2), which keep spaces and colons.
    # https://cloud.google.com/bigquery/docs/schemas#flexible-column-names
    "amazon-csv-flexible": {
        "columns": {
            "period_start": None,
            "period_end": {"column": "Reporting Date", "format": _ISO},
            "asin": "ASIN",
            "search_query": "Search Query",
            "query_score": "Search Query Score",
            "query_volume": "Search Query Volume",
            "market_impressions": "Impressions: Total Count",
            "impressions": "Impressions: ASIN Count",
            "market_clicks": "Clicks: Total Count",
            "clicks": "Clicks: ASIN Count",
            "market_cart_adds": "Cart Adds: Total Count",
            "cart_adds": "Cart Adds: ASIN Count",
            "market_purchases": "Purchases: Total Count",
            "purchases": "Purchases: ASIN Count",
        },
    },
    # The same after a script that writes one underscore for several signs, and adds the ASIN; weeks only.
    # https://github.com/happylollibox-coder/OI  scripts/bigquery/tables/SRC/SRC_SQP_WEEKLY.sql
    "amazon-csv-tidied": {
        "columns": {
            "period_start": None,
            "period_end": {"column": "Reporting_Date", "format": _ISO},
            "asin": "ASIN",
            "search_query": "Search_Query",
            "query_score": "Search_Query_Score",
            "query_volume": "Search_Query_Volume",
            "market_impressions": "Impressions_Total_Count",
            "impressions": "Impressions_ASIN_Count",
            "market_clicks": "Clicks_Total_Count",
            "clicks": "Clicks_ASIN_Count",
            "market_cart_adds": "Cart_Adds_Total_Count",
            "cart_adds": "Cart_Adds_ASIN_Count",
            "market_purchases": "Purchases_Total_Count",
            "purchases": "Purchases_ASIN_Count",
            "report_period": {"value": "WEEK"},
            "ingested_at": "processed_at",
        },
    },
    # Saras Daton, table …_SearchQueryPerformanceReportWeekly. _daton_batch_runtime counts milliseconds.
    # https://github.com/happylollibox-coder/OI  scripts/bigquery/procedures/SP_SRC_ACC_SQP_WEEKLY.sql
    # https://github.com/saras-daton/AmazonSellerCentral  macros/daton_batch_runtime.sql, from_epoch_milliseconds.sql
    "daton": {
        "columns": {
            "period_start": None,
            "period_end": {"column": "endDate", "format": _ISO},
            "asin": "asin",
            "search_query": "searchQuery",
            "query_score": "searchQueryScore",
            "query_volume": "searchQueryVolume",
            "market_impressions": "totalQueryImpressionCount",
            "impressions": "asinImpressionCount",
            "market_clicks": "totalClickCount",
            "clicks": "asinClickCount",
            "market_cart_adds": "totalCartAddCount",
            "cart_adds": "asinCartAddCount",
            "market_purchases": "totalPurchaseCount",
            "purchases": "asinPurchaseCount",
            "report_period": {"value": "WEEK"},
            "ingested_at": {"column": "_daton_batch_runtime", "unit": "milliseconds"},
        },
    },
    # Openbridge, table sp_ba_search_query_by_week_v1. One seller's accounts can be several: where: {ob_seller_id: …}
    # https://github.com/happylollibox-coder/OI  scripts/bigquery/procedures/SP_MERGE_SQP_WEEKLY.sql (its first version)
    # https://docs.openbridge.com/en/articles/4111506-metadata-appended-to-a-data-pipeline
    "openbridge": {
        "columns": {
            "period_start": {"column": "start_date", "format": _ISO},
            "period_end": {"column": "end_date", "format": _ISO},
            "asin": "asin",
            "search_query": "search_query_data_search_query",
            "query_score": None,  # not documented
            "query_volume": "search_query_data_search_query_volume",
            "market_impressions": "impression_data_total_query_impression_count",
            "impressions": "impression_data_asin_impression_count",
            "market_clicks": "click_data_total_click_count",
            "clicks": "click_data_asin_click_count",
            "market_cart_adds": "cart_add_data_total_cart_add_count",
            "cart_adds": "cart_add_data_asin_cart_add_count",
            "market_purchases": "purchase_data_total_purchase_count",
            "purchases": "purchase_data_asin_purchase_count",
            "report_period": {"value": "WEEK"},
            "marketplace": "ob_marketplace_id",
            "ingested_at": "ob_modified_date",
        },
    },
    # A table for Brand and ASIN views alike, of which only the ASINs' rows are read; weeks only.
    # https://github.com/zondata/amazon-performance-hub  supabase/migrations/20260213153000_sqp_weekly.sql
    "scoped-weeks": {
        "where": {"scope_type": "asin"},
        "columns": {
            "period_start": {"column": "week_start", "format": _ISO},
            "period_end": {"column": "week_end", "format": _ISO},
            "asin": "scope_value",
            "search_query": "search_query_raw",
            "query_score": "search_query_score",
            "query_volume": "search_query_volume",
            "market_impressions": "impressions_total",
            "impressions": "impressions_self",
            "market_clicks": "clicks_total",
            "clicks": "clicks_self",
            "market_cart_adds": "cart_adds_total",
            "cart_adds": "cart_adds_self",
            "market_purchases": "purchases_total",
            "purchases": "purchases_self",
            "report_period": {"value": "WEEK"},
            "marketplace": "marketplace",
            "ingested_at": "exported_at",
        },
    },
}
