"""The one module Airflow loads from the plugins folder; the package beside it is imported under its own name."""

from importlib.metadata import distributions
from pathlib import Path

for installed in distributions(name="airflow-provider-sqp"):
    raise ImportError(
        f"airflow-provider-sqp {installed.version} is installed in {installed.locate_file('')} and registers itself; "
        f"the copy in the plugins folder {Path(__file__).parent} was not loaded. "
        "Keep one of the two: remove sqp_airflow_plugin.py and sqp_provider/ from the plugins folder, "
        "or run 'pip uninstall airflow-provider-sqp'."
    )

from sqp_provider.plugin import SqpPlugin  # noqa: E402 - a second copy must not even be imported

__all__ = ["SqpPlugin"]
