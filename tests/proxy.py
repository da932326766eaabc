"""A proxy before Postgres that cuts the connection at COMMIT: before the server hears of it, or before its answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

COMMIT = b"COMMIT\0"


class CommitCutter:
    """Passes everything on until ``armed``; then the next COMMIT is the last thing that happens."""

    def __init__(self, dsn: str, loses: Literal["request", "answer"]) -> None:
        server = conninfo_to_dict(dsn)
        self._server = str(server["host"]), int(str(server["port"]))
        self._loses = loses
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.dsn = make_conninfo(dsn, port=self._listener.getsockname()[1], sslmode="disable", gssencmode="disable")
        self.armed = False
        self.cut = 0

    def serve(self) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server, deaf = socket.create_connection(self._server), threading.Event()
            threading.Thread(target=self._pass_on, args=(client, server, deaf), daemon=True).start()
            threading.Thread(target=self._return, args=(server, client, deaf), daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        while data := _received(client):
            if self.armed and COMMIT in data:
                self.armed = False
                self.cut += 1
                if self._loses == "request":
                    break
                deaf.set()
            with suppress(OSError):
                server.sendall(data)
        for end in (client, server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread that reads from it
            end.close()

    @staticmethod
    def _return(server: socket.socket, client: socket.socket, deaf: threading.Event) -> None:
        while data := _received(server):
            if deaf.is_set():
                break  # the server has committed and says so; nobody hears it
            with suppress(OSError):
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(65536)
    except OSError:
        return b""


@contextmanager
def cutting_commits(dsn: str, loses: Literal["request", "answer"]) -> Iterator[CommitCutter]:
    """Run the proxy in threads of its own."""
    proxy = CommitCutter(dsn, loses)
    accepting = threading.Thread(target=proxy.serve, daemon=True)
    accepting.start()
    try:
        yield proxy
    finally:
        proxy.close()
        accepting.join()
