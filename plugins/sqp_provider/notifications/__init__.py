"""Notifiers: callbacks for other people's Dags."""
