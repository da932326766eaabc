"""The demo: sample periods through the real Dags, and what a person would look at afterwards."""
