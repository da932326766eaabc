"""Send alerts: our own, and those of other Dags."""
