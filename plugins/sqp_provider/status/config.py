"""Read the configuration file of the Dags, which says which feeds the page shows."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.configuration import conf

from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.feeds import Feeds


def config_path() -> Path:
    """Return ``$SQP_CONFIG``, else ``sqp_config.yaml`` in the Dags folder.

    The API server does not load Dag files, so it cannot look beside one of them.
    """
    return Path(os.environ.get("SQP_CONFIG") or Path(conf.get("core", "dags_folder")) / "sqp_config.yaml")


def page_feeds() -> Feeds:
    """Read the file for each page, so that a corrected file needs no restart.

    :raises InvalidSettings: the file is missing or has a mistake that concerns all feeds.
    """
    path = config_path()
    if not path.is_file():
        raise InvalidSettings(
            f"{path} does not exist. Set SQP_CONFIG to the path of sqp_config.yaml in the API server's environment. "
            "This is needed if the Dag bundle is not in the Dags folder."
        )
    return Feeds.load(path, os.environ)
