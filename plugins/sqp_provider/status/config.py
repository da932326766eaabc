"""Which schema the page tells of: the configuration file that the Dags read."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.configuration import conf

from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.settings import Settings


def config_path() -> Path:
    """Return ``$SQP_CONFIG``, else ``sqp_config.yaml`` in the Dags folder: the API server knows no Dag's own file."""
    return Path(os.environ.get("SQP_CONFIG") or Path(conf.get("core", "dags_folder")) / "sqp_config.yaml")


def page_settings() -> Settings:
    """Read the file anew, so that a correction shows without a restart.

    :raises InvalidSettings: it is not there or has a mistake.
    """
    path = config_path()
    if not path.is_file():
        raise InvalidSettings(
            f"{path} is not there. Set SQP_CONFIG to the path of sqp_config.yaml in the API server's environment "
            "(a Dag bundle elsewhere than the Dags folder needs that)."
        )
    return Settings.load(path)
