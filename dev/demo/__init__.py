"""The demo: sync sample periods through the real Dags, and print what a person would query afterwards."""
