"""Connect: one sync stage per operator."""
