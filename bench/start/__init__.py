"""How long a week takes from its trigger until it is published, and who spends that time."""
