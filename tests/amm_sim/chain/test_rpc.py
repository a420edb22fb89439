"""JSON-RPC: order of results, errors as values or raised, a node that hangs or talks nonsense."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import orjson
import pytest

from amm_sim.chain import Chain
from amm_sim.chain.rpc import Rpc, RpcError
from amm_sim.errors import ChainError

Answer = Callable[[bytes], bytes | None]


def serve(answer: Answer) -> Iterator[int]:
    """A node on a free port that answers each request's body by ``answer``; None closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(1 << 16):
                reply = answer(data.partition(b"\r\n\r\n")[2])
                if reply is None:
                    return
                connection.sendall(reply)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.close()


def http(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def test_batch_answers_in_any_order_come_back_in_ours() -> None:
    def shuffled(body: bytes) -> bytes:
        asked = orjson.loads(body)
        return http(orjson.dumps([{"id": r["id"], "result": r["method"]} for r in reversed(asked)]))

    for port in serve(shuffled):
        rpc = Rpc(port)
        assert rpc.batch([("a", []), ("b", []), ("c", [])]) == ["a", "b", "c"]
        assert rpc.batch([]) == []
        rpc.close()


def test_batch_error_stands_in_its_place_and_strict_raises_it(chain: Chain) -> None:
    good, bad = chain.rpc.batch([("eth_blockNumber", []), ("eth_nothing", [])])
    assert int(good, 16) >= 0
    assert isinstance(bad, RpcError)
    with pytest.raises(RpcError, match="eth_nothing"):
        chain.rpc.strict([("eth_nothing", [])])


def test_ahead_again_takes_in_what_was_asked_before() -> None:
    """Answers come in the order of the requests, whoever takes his first."""

    def echo(body: bytes) -> bytes:
        return b"".join(
            http(orjson.dumps([{"id": r["id"], "result": r["method"]} for r in orjson.loads(part)]))
            for part in bodies(body)
        )

    for port in serve(echo):
        rpc = Rpc(port)
        first = rpc.ahead([[("a", [])], [("b", [])]])
        assert first.take() == ["a"]
        second = rpc.ahead([[("c", [])]])
        third = rpc.ahead([[("d", [])]])
        assert third.take() == ["d"]
        assert second.take() == ["c"]
        assert first.take() == ["b"]
        assert rpc.batch([("e", [])]) == ["e"]
        rpc.close()


def bodies(received: bytes) -> list[bytes]:
    """Bodies of the requests in one reading: ``serve`` cut the first head off."""
    return [part.partition(b"\r\n\r\n")[2] or part for part in received.split(b"POST /")]


def test_call_answer_in_pieces_is_joined() -> None:
    def slow(body: bytes) -> bytes:
        return http(orjson.dumps({"id": 0, "result": "x" * 3_000_000}))

    for port in serve(slow):
        rpc = Rpc(port)
        assert len(rpc.call("a")) == 3_000_000
        assert len(rpc.call("a")) == 3_000_000
        rpc.close()


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (None, "is gone"),
        (http(b"{nonsense"), "sent no JSON"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "sent no content length"),
        (http(b"[]"), "answered a batch of 1"),
    ],
)
def test_broken_node_is_a_chain_error(reply: bytes | None, message: str) -> None:
    for port in serve(lambda _: reply):
        rpc = Rpc(port)
        with pytest.raises(ChainError, match=message):
            rpc.batch([("a", [])])
        rpc.close()


def test_hanging_node_is_a_chain_error_after_the_timeout() -> None:
    for port in serve(lambda _: b""):
        rpc = Rpc(port, timeout=0.2)
        with pytest.raises(ChainError, match=r"hangs: no answer in 0\.2 s"):
            rpc.call("a")
        rpc.close()


def test_no_node_is_a_chain_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ChainError, match="no node"):
        Rpc(port)


def test_ahead_runs_batches_in_order_while_the_caller_works(chain: Chain) -> None:
    height = chain.block
    answers = chain.rpc.ahead([[("evm_mine", [])], [], [("eth_blockNumber", [])]] * 20)
    found = [answers.take() for _ in range(40)]
    assert [int(each, 16) for (each,) in found[1::2]] == list(range(height + 1, height + 21))


def test_ahead_what_is_asked_later_is_answered_last(chain: Chain) -> None:
    answers = chain.rpc.ahead([[("evm_mine", [])]])
    answers.ask([("eth_chainId", [])])
    answers.ask([])
    assert answers.take() != answers.take() == ["0x7a69"]


def test_ahead_answers_left_behind_keep_the_connection_in_step(chain: Chain) -> None:
    """As when the caller's own work fails: another request comes in between."""
    answers = chain.rpc.ahead([[("eth_blockNumber", [])], [("eth_chainId", [])]])
    first = answers.take()
    assert chain.rpc.call("web3_clientVersion").startswith("anvil")
    assert [int(each, 16) for each in first] == [chain.block]
    assert answers.take() == ["0x7a69"]


def test_ahead_node_that_dies_is_a_chain_error_for_the_one_who_takes() -> None:
    for port in serve(lambda body: None if b"second" in body else http(b'[{"id":0,"result":1}]')):
        rpc = Rpc(port)
        answers = rpc.ahead([[("first", [])]])
        assert answers.take() == [1]
        answers.ask([("second", [])])
        with pytest.raises(ChainError):
            rpc.call("third")
        with pytest.raises(ChainError, match="is gone"):
            answers.take()
        rpc.close()
