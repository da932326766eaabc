"""The schedule: a run for each period, after its publication delay."""
