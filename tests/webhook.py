"""A real webhook on this machine, which keeps what it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType

SECRET = "token-that-nobody-may-log"


class Webhook:
    """Listens while it is open; use it as a context.

    ``messages`` has title, message and type of each, in their order, as Apprise sends them.
    """

    def __init__(self) -> None:
        messages: list[dict[str, str]] = []

        webhook = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if webhook.is_taking:
                    messages.append({"path": self.path} | json.loads(body))
                self.send_response(200 if webhook.is_taking else 503)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.is_taking = True
        self.messages = messages
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.thread = Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Webhook:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Take no message meanwhile, and answer 503."""
        self.is_taking = False
        try:
            yield
        finally:
            self.is_taking = True

    def close(self) -> None:
        """Stop listening: the port is closed from now on."""
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()

    @property
    def connection(self) -> str:
        """The Airflow connection to it, as its environment variable holds it."""
        path = f"json://127.0.0.1:{self.server.server_address[1]}/{SECRET}"
        return json.dumps({"conn_type": "apprise", "extra": {"config": {"path": path, "tag": "alerts"}}})

    def titles(self, about: str = "") -> list[str]:
        """The titles of the messages that mention something, in their order."""
        return [each["title"] for each in self.messages if about in each["title"] + each["message"]]

    def about(self, title: str) -> dict[str, str]:
        """The one message of that title."""
        (found,) = (each for each in self.messages if each["title"] == title)
        return found
