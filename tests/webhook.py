"""A real webhook on this machine, which keeps what it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any

SECRET = "token-that-nobody-may-log"


def connection_with(config: Any) -> str:
    """The Airflow connection of one service or a list of them, as its environment variable holds it."""
    return json.dumps({"conn_type": "apprise", "extra": {"config": config}})


class Webhook:
    """Listens while it is open; use it as a context.

    ``messages`` has title, message and type of each, in their order, as Apprise sends them.
    """

    def __init__(self) -> None:
        messages: list[dict[str, str]] = []

        webhook = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = {"path": self.path} | json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                is_taken = webhook.refused is None or webhook.refused not in message["title"]
                if is_taken:
                    messages.append(message)
                self.send_response(200 if is_taken else 503)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.refused: str | None = None
        self.messages = messages
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.thread = Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Webhook:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def refusing(self, about: str = "") -> Iterator[None]:
        """Take no message whose title mentions something meanwhile, and answer 503."""
        self.refused = about
        try:
            yield
        finally:
            self.refused = None

    def close(self) -> None:
        """Stop listening: the port is closed from now on."""
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()

    @property
    def entry(self) -> dict[str, str]:
        """What an Apprise connection says of it."""
        return {"path": f"json://127.0.0.1:{self.server.server_address[1]}/{SECRET}", "tag": "alerts"}

    @property
    def connection(self) -> str:
        """The Airflow connection to it, as its environment variable holds it."""
        return connection_with(self.entry)

    def titles(self, about: str = "") -> list[str]:
        """The titles of the messages that mention something, in their order."""
        return [each["title"] for each in self.messages if about in each["title"] + each["message"]]

    def about(self, title: str) -> dict[str, str]:
        """The one message of that title."""
        (found,) = (each for each in self.messages if each["title"] == title)
        return found
