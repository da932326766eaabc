"""### Feeds with a mistake in the configuration

This file makes no Dag. If a feed of sqp_config.yaml has a mistake, it is an import error that names the feed, the key,
what was found and what was expected. The Dags of the other feeds work.
"""

from sqp_provider.sync import read_feeds  # absent: install airflow-provider-sqp

read_feeds(__file__).refuse_mistakes()
