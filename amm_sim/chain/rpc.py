"""JSON-RPC over one kept-alive loopback connection.

Written by hand because http.client costs about 60 microseconds a request, and a block needs three.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from amm_sim.errors import ChainError

QUICKACK: int = getattr(socket, "TCP_QUICKACK", 0)
"""Linux only: acknowledge at once."""

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
        self._under_way: Answers | None = None
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
        return self._sorted(requests, self._post(_bodies(requests))) if requests else []

    def ahead(self, batches: Iterable[Sequence[Request]]) -> Answers:
        """Batches in one write; the node takes each up when it has answered the one before.

        That is HTTP's own rule for a connection, so their order is certain although nothing waits
        in between. The answers are taken when they are wanted: until then the caller may work, or
        send more ahead.
        """
        if not QUICKACK:
            self.finish()
        self._under_way = Answers(self, batches, self._under_way)
        return self._under_way

    def pipeline(self, batches: Sequence[Sequence[Request]]) -> list[list[Any]]:
        """``ahead`` with all answers taken; none of the batches is empty."""
        answers = self.ahead(batches)
        return [answers.take() for _ in batches]

    def finish(self) -> None:
        """Takes in what is under way: the next request would read its answers."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.finish()

    def _sorted(self, requests: Sequence[Request], answers: Any) -> list[Any]:
        """Answers in the order of their requests."""
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
        self.finish()
        self._send([payload])
        return self._receive_json()

    def _send(self, payloads: Sequence[Any]) -> None:
        bodies = [orjson.dumps(payload) for payload in payloads]
        try:
            self._socket.sendall(
                b"".join(f"{self._head}{len(b)}\r\n\r\n".encode() + b for b in bodies)
            )
        except OSError as error:
            raise self._broken(error) from error

    def _broken(self, error: OSError) -> ChainError:
        if isinstance(error, TimeoutError):
            seconds = self._socket.gettimeout()
            return ChainError(f"the node at {self._where} hangs: no answer in {seconds} s")
        return ChainError(f"the node at {self._where} is gone: {error}")

    def _receive_json(self) -> Any:
        try:
            return orjson.loads(self._answer())
        except OSError as error:
            raise self._broken(error) from error
        except orjson.JSONDecodeError as error:
            raise ChainError(f"the node at {self._where} sent no JSON: {error}") from error

    def _receive(self) -> bytes:
        if QUICKACK:  # does not last; else the node holds its next answer back for a late ACK
            self._socket.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
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


class Answers:
    """Answers of batches that are under way, in their order.

    Later answers on the connection take in first what is left here, so it stays in step.

    Args:
        rpc: the connection.
        batches: what is asked.
        before: answers that come before these.
    """

    def __init__(
        self, rpc: Rpc, batches: Iterable[Sequence[Request]], before: Answers | None = None
    ) -> None:
        self._rpc, self._before = rpc, before
        self._left: deque[Sequence[Request]] = deque()
        self._unsent: deque[Any] = deque()
        self._read: deque[list[Any] | ChainError] = deque()
        self._put([requests for requests in batches if requests])

    def ask(self, requests: Sequence[Request]) -> None:
        """One more batch at the end."""
        self._put([requests] if requests else [])

    def take(self) -> list[Any]:
        """The next batch's results, an RpcError for each that failed.

        Raises:
            ChainError: the node is gone or talks nonsense.
        """
        if self._read:
            answer = self._read.popleft()
            if isinstance(answer, ChainError):
                raise answer
            return answer
        return self._receive()

    def finish(self) -> None:
        """Reads what is left, for ``take``."""
        self._step()
        while self._left:
            try:
                self._read.append(self._receive())
            except ChainError as error:
                self._left.clear()
                self._read.append(error)

    def _put(self, batches: Sequence[Sequence[Request]]) -> None:
        self._left.extend(batches)
        self._unsent.extend(_bodies(requests) for requests in batches)
        if QUICKACK or len(self._left) == len(self._unsent):
            self._send(len(self._unsent) if QUICKACK else 1)

    def _send(self, count: int) -> None:
        ready = [self._unsent.popleft() for _ in range(min(count, len(self._unsent)))]
        if ready:
            self._rpc._send(ready)

    def _step(self) -> None:
        """Takes in what comes before."""
        before, self._before = self._before, None
        if before is not None:
            before.finish()

    def _receive(self) -> list[Any]:
        self._step()
        requests = self._left.popleft()
        found = self._rpc._sorted(requests, self._rpc._receive_json())
        self._send(1)
        return found


def _bodies(requests: Sequence[Request]) -> list[dict[str, Any]]:
    return [
        {"jsonrpc": "2.0", "id": i, "method": m, "params": p} for i, (m, p) in enumerate(requests)
    ]


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
