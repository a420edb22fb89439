"""JSON-RPC over one kept-alive loopback connection.

Written by hand because http.client costs about 60 microseconds a request, and a block needs three.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import orjson

from amm_sim.errors import ChainError

Request = tuple[str, Sequence[Any]]
"""Method and parameters."""


class RpcError(ChainError):
    """The node answered with an error. ``data`` is revert data in hexadecimal, if any."""

    def __init__(self, method: str, code: int, message: str, data: str | None) -> None:
        self.code = code
        self.message = message
        self.data = data
        super().__init__(f"{method}: {message} ({code})")


class Rpc:
    """A client of one node on ``host:port``.

    Raises:
        ChainError: the node is gone, hangs longer than ``timeout`` seconds, or talks nonsense.

    """

    def __init__(self, port: int, host: str = "127.0.0.1", timeout: float = 120.0) -> None:
        self._where = f"{host}:{port}"
        self._head = (
            f"POST / HTTP/1.1\r\nHost: {self._where}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )
        self._buffer = b""
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout)
        except OSError as error:
            raise ChainError(f"no node at {self._where}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def call(self, method: str, *params: Any) -> Any:
        """One request; its result.

        Raises:
            RpcError: the node's error.

        """
        return _result(
            method,
            self._post({"jsonrpc": "2.0", "id": 0, "method": method, "params": params}),
        )

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Many requests in one round trip: results in order, an RpcError for a failed one."""
        if not requests:
            return []
        body = [
            {"jsonrpc": "2.0", "id": i, "method": m, "params": p}
            for i, (m, p) in enumerate(requests)
        ]
        answers = self._post(body)
        if not isinstance(answers, list) or len(answers) != len(requests):
            raise ChainError(
                f"{self._where} answered a batch of {len(requests)} with {str(answers)[:200]}"
            )
        out: list[Any] = [None] * len(requests)
        for answer in answers:
            index = answer["id"]
            out[index] = (
                _error(requests[index][0], answer["error"])
                if "error" in answer
                else answer["result"]
            )
        return out

    def strict(self, requests: Sequence[Request]) -> list[Any]:
        """A batch in which no request may fail."""
        results = self.batch(requests)
        for result in results:
            if isinstance(result, RpcError):
                raise result
        return results

    def _post(self, payload: Any) -> Any:
        body = orjson.dumps(payload)
        try:
            self._socket.sendall(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
            return orjson.loads(self._answer())
        except TimeoutError as error:
            raise ChainError(
                f"the node at {self._where} hangs: no answer in {self._socket.gettimeout()} s"
            ) from error
        except OSError as error:
            raise ChainError(f"the node at {self._where} is gone: {error}") from error
        except orjson.JSONDecodeError as error:
            raise ChainError(f"the node at {self._where} sent no JSON: {error}") from error

    def _receive(self) -> bytes:
        piece = self._socket.recv(1 << 20)
        if not piece:
            raise ConnectionError("connection closed")
        return piece

    def _answer(self) -> bytes:
        buffer = self._buffer
        while b"\r\n\r\n" not in buffer:
            buffer += self._receive()
        head, _, rest = buffer.partition(b"\r\n\r\n")
        length = _content_length(head)
        if length is None:
            raise ChainError(f"the node at {self._where} sent no content length: {head[:80]!r}")
        parts, got = [rest], len(rest)
        while got < length:
            piece = self._receive()
            parts.append(piece)
            got += len(piece)
        data = b"".join(parts)
        self._buffer = data[length:]
        return data[:length]


def _content_length(head: bytes) -> int | None:
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    return None


def _result(method: str, answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise _error(method, answer["error"])
    return answer["result"]


def _error(method: str, error: dict[str, Any]) -> RpcError:
    data = error.get("data")
    return RpcError(
        method,
        error.get("code", 0),
        error.get("message", ""),
        data if isinstance(data, str) else None,
    )
