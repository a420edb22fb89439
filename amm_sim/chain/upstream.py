"""What a fork has asked of its upstream, kept in a file: the next run needs no network.

Anvil's own cache holds state only, so that it cannot start without the upstream. At a pinned block
every answer holds for ever, so a small proxy on loopback keeps them all.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from amm_sim.errors import SetupError

FILE = "answers.jsonl"
RACED = frozenset({"eth_getAccountInfo"})
"""Anvil races it against balance, nonce and code and drops the losers: the three alone are asked
for every account in every run."""
PATIENCE = 60.0
"""Seconds that the upstream may take."""


class Upstream:
    """A proxy of the node at ``url`` that answers from ``folder`` what it has answered before.

    Raises:
        SetupError: the folder cannot be written, or holds the answers of another chain.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._path = url, folder / FILE
        self._lock = threading.Lock()
        self.asked = 0
        """Requests that went to the node."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
        except OSError as error:
            raise SetupError(f"{folder} cannot be written: {error.strerror or error}") from error
        self._known = _read(self._path)
        try:
            self._require_same_chain()
        except SetupError:
            self._file.close()
            raise
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where the proxy listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Ends the proxy; what it knows is on the disk."""
        self._server.shutdown()
        self._server.server_close()
        self._file.close()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one JSON-RPC request."""
        if request.get("method") in RACED:
            unknown = {"code": -32601, "message": "method not found"}
            return {"jsonrpc": "2.0", "id": request.get("id"), "error": unknown}
        key = _key(request)
        if key not in self._known:
            found = self._ask(request)
            if found.get("result") is None:
                return found
            self._keep(key, found["result"])
        return {"jsonrpc": "2.0", "id": request.get("id"), "result": self._known[key]}

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.asked += 1
        headers = {"Content-Type": "application/json"}
        post = urllib.request.Request(self._url, orjson.dumps(request), headers)
        try:
            with urllib.request.urlopen(post, timeout=PATIENCE) as response:
                found: dict[str, Any] = orjson.loads(response.read())
                return found
        except (OSError, ValueError) as error:
            message = f"{request.get('method')} is not in {self._path}, and the node says: {error}"
            failed = {"code": -32000, "message": message}
            return {"jsonrpc": "2.0", "id": request.get("id"), "error": failed}

    def _keep(self, key: bytes, result: Any) -> None:
        with self._lock:
            self._known[key] = result
            self._file.write(orjson.dumps([orjson.loads(key), result]) + b"\n")
            self._file.flush()

    def _require_same_chain(self) -> None:
        """Answers of one chain must never meet those of another."""
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
        kept = self._known.get(_key(request))
        now = self._ask(request).get("result")
        if kept is not None and now is not None and now != kept:
            chains = f"of chain {int(kept, 16)}, the node of {int(now, 16)}"
            raise SetupError(f"{self._path} is {chains}")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """An Anvil that was stopped waits for no answer."""


def _key(request: dict[str, Any]) -> bytes:
    return orjson.dumps([request.get("method"), request.get("params") or []])


def _read(path: Path) -> dict[bytes, Any]:
    """Answers by request; a torn line is skipped."""
    known: dict[bytes, Any] = {}
    for line in path.read_bytes().split(b"\n"):
        try:
            request, result = orjson.loads(line)
        except ValueError:
            continue
        known[orjson.dumps(request)] = result
    return known


def _handler(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            many = isinstance(body, list)
            found = [upstream.answer(request) for request in (body if many else [body])]
            data = orjson.dumps(found if many else found[0])
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing is said."""

    return Handler
