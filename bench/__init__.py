"""The benchmark: how fast a week is published, compared with the limit and with other tools."""
