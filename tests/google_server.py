"""Google for Google's own clients: BigQuery over REST, the Storage Read API over gRPC, and the login's token endpoint.

It passes everything on to the emulator, except where a test asks for an error of the shape that Google documents.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import requests

from tests.google_storage import Storage

Answer = tuple[int, Any]
"""An HTTP status and its JSON, or its text."""

JOBS = "POST /bigquery/v2/projects/[^/]+/jobs"


def refusal(status: int, reason: str, message: str, error_info: str | None = None) -> Answer:
    """An error as BigQuery's REST API sends it; ``error_info`` is what all of Google's APIs call it."""
    error: dict[str, Any] = {"code": status, "message": message}
    error["errors"] = [{"message": message, "domain": "global", "reason": reason}]
    if error_info:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        error["status"] = "PERMISSION_DENIED"
        error["details"] = [{"@type": kind, "reason": error_info, "domain": "googleapis.com"}]
    return status, {"error": error}


def failed_job(reason: str, message: str) -> Callable[[dict[str, Any]], Answer]:
    """A job that was accepted and has failed: status 200, and the error in the job."""
    error = {"reason": reason, "message": message, "location": "query"}
    return job_in("DONE", errorResult=error, errors=[error])


def job_in(state: str, **status: Any) -> Callable[[dict[str, Any]], Answer]:
    """The job that a request starts, in this state."""

    def answer(sent: dict[str, Any]) -> Answer:
        job = {"kind": "bigquery#job", "id": "job", "statistics": {"creationTime": "1795000000000"}}
        return 200, job | sent | {"status": {"state": state} | status}

    return answer


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class GoogleServer:
    """One server, in threads of this process, while the block lasts.

    ``server.answers(JOBS, refusal(403, "blocked", "…"), times=1)`` refuses the next job.

    :param certificate: key and certificate in PEM, for a Storage API with TLS.
    """

    certificate: tuple[bytes, bytes] | None = None
    seen: list[Seen] = field(default_factory=list)
    storage: Storage = field(default_factory=Storage)

    def __enter__(self) -> GoogleServer:
        self._faults: list[tuple[re.Pattern[str], list[Any]]] = []
        handler = type("Handler", (_Handler,), {"google": self})
        self._rest = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._rest.daemon_threads = True
        threading.Thread(target=self._rest.serve_forever, daemon=True).start()
        self._grpc = grpc.server(ThreadPoolExecutor(8), handlers=[self.storage.service()])
        if self.certificate:
            tls = grpc.ssl_server_credentials([self.certificate])
            self._storage_port = self._grpc.add_secure_port("localhost:0", tls)
        else:
            self._storage_port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._grpc.stop(None).wait()
        self._rest.shutdown()
        self._rest.server_close()

    @property
    def url(self) -> str:
        """Where the REST API is."""
        return f"http://127.0.0.1:{self._rest.server_port}"

    @property
    def storage_endpoint(self) -> str:
        """Where the Storage Read API is; a certificate is of a name."""
        return f"{'localhost' if self.certificate else '127.0.0.1'}:{self._storage_port}"

    def connection(self, **extra: Any) -> str:
        """Airflow's connection to this server, as its environment variable holds it; anonymous unless said."""
        ours = {"project": "sqp-demo", "is_anonymous": True, "use_legacy_sql": False}
        ours |= {"api_endpoint": self.url, "storage_api_endpoint": self.storage_endpoint}
        return json.dumps({"conn_type": "gcpbigquery", "extra": ours | extra})

    def connection_of_account(self, key_file: dict[str, str]) -> str:
        """The same with a service account's login, whose token endpoint is here too."""
        key = json.dumps(key_file | {"token_uri": f"{self.url}/token"})
        return self.connection(is_anonymous=False, keyfile_dict=key)

    def answers(self, request: str, answer: Any, *, times: int = 10**6) -> None:
        """Answer what matches ``METHOD /path`` in this way, so many times, before the emulator is asked again.

        :param answer: an :data:`Answer`, a function from the request's body to one, or None to hang up.
        """
        self._faults.append((re.compile(request + "$"), [answer] * min(times, 1000)))

    def asked(self, request: str) -> list[Seen]:
        """The requests that matched."""
        return [each for each in self.seen if re.match(request + "$", f"{each.method} {each.path}")]

    def emulator(self, method: str, path: str, body: dict[str, Any]) -> None:
        """Ask the emulator for what Google would have done although its answer is another."""
        requests.request(method, os.environ["BIGQUERY_EMULATOR_HOST"] + path, json=body, timeout=300).raise_for_status()

    def fault_for(self, seen: Seen) -> list[Any]:
        """The answer that a test wants, in a list, or an empty list."""
        self.seen.append(seen)
        for pattern, answers in self._faults:
            if answers and pattern.match(f"{seen.method} {seen.path}"):
                return [answers.pop(0)]
        return []


class _Handler(BaseHTTPRequestHandler):
    google: GoogleServer
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(sent) if sent.startswith(b"{") else {}
        fault = self.google.fault_for(Seen(self.command, self.path.split("?")[0], dict(self.headers), body))
        if not fault:
            self._answer(*self._pass_on(sent))
        elif fault[0] is None:
            self.close_connection = True  # and no answer
        else:
            status, content = fault[0](body) if callable(fault[0]) else fault[0]
            self._answer(status, content if isinstance(content, str) else json.dumps(content))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _pass_on(self, body: bytes) -> tuple[int, str]:
        if self.path == "/token":
            return 200, json.dumps({"access_token": "let me in", "expires_in": 3600, "token_type": "Bearer"})
        address = os.environ["BIGQUERY_EMULATOR_HOST"] + self.path
        headers = {"Content-Type": self.headers.get("Content-Type") or "application/json"}
        answer = requests.request(self.command, address, data=body, headers=headers, timeout=300)
        return answer.status_code, answer.text

    def _answer(self, status: int, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if text.startswith("{") else "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
