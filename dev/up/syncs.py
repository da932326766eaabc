"""The Dags that sync: three for each feed. `python -m dev.up.syncs` prints one a line, for docker-compose.yaml."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from dev.checkout import ROOT
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import SyncType


def sync_dags(feeds: Feeds) -> list[str]:
    """``["sqp_weekly_sync__acme_us", …]``; ``["sqp_weekly_sync", …]`` where there is one feed."""
    return [settings.dag_id(sync_type) for settings in feeds.settings.values() for sync_type in SyncType]


def main() -> None:
    """Print the ids."""
    parser = argparse.ArgumentParser(prog="python -m dev.up.syncs", description="Print the Dags that sync.")
    parser.add_argument("--config", type=Path, default=ROOT / "dags" / "sqp_config.yaml", help="default: %(default)s")
    print("\n".join(sync_dags(Feeds.load(parser.parse_args().config, os.environ))))


if __name__ == "__main__":
    main()
