"""The one module Airflow loads from the plugins folder; the package beside it is imported under its own name."""

from sqp_provider.plugin import SqpPlugin

__all__ = ["SqpPlugin"]
