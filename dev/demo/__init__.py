"""The demo: sample weeks through the real Dag, and what a person would look at afterwards."""
