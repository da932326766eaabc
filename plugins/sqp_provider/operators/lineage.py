"""The facets for OpenLineage.

Airflow asks for them only if the OpenLineage provider is installed, so the functions import it when they are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqp_provider.core.quality import CheckResult, CheckStatus

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

SEVERITY = {CheckStatus.WARNING: "warn"}


def read(source: str, rows: int | None, size: int | None) -> OperatorLineage[Any, Any]:
    """Say that the source table was read: ``read("sqp-demo.amazon.search_query_performance", 19_014, 8_388_608)``."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.generated.input_statistics_input_dataset import InputStatisticsInputDatasetFacet

    facets = {"inputStatistics": InputStatisticsInputDatasetFacet(rowCount=rows, size=size)}
    return OperatorLineage(inputs=[InputDataset("bigquery", source, inputFacets=dict(facets))])


def checked(source: str, results: Sequence[CheckResult]) -> OperatorLineage[Any, Any]:
    """Say what the checks found. A warning is a success, as it is for the sync."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.generated.data_quality_assertions_dataset import (
        Assertion,
        DataQualityAssertionsDatasetFacet,
    )

    assertions = [
        Assertion(
            assertion=result.check_type,
            success=result.check_status is not CheckStatus.FAILED,
            column=result.column_name,
            severity=SEVERITY.get(result.check_status, "error"),
            description=result.check_message,
        )
        for result in results
    ]
    facets = {"dataQualityAssertions": DataQualityAssertionsDatasetFacet(assertions=assertions)}
    return OperatorLineage(inputs=[InputDataset("bigquery", source, inputFacets=dict(facets))])


def published(source: str, server: str, table: str, rows: int | None) -> OperatorLineage[Any, Any]:
    """Say that the target was written from the source.

    :param server: ``postgres://db.example.com:5432``.
    :param table: ``warehouse.sqp.weekly_summary``.
    :param rows: how many rows were written or deleted.
    """
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.generated.output_statistics_output_dataset import OutputStatisticsOutputDatasetFacet

    facets = {"outputStatistics": OutputStatisticsOutputDatasetFacet(rowCount=rows)}
    return OperatorLineage(
        inputs=[InputDataset("bigquery", source)],
        outputs=[OutputDataset(server, table, outputFacets=dict(facets))],
    )
