"""The benchmark: how fast a week becomes visible, against the limit and against what people use."""
