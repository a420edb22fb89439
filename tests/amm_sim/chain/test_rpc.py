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


def test_pipeline_runs_batches_in_order_with_work_in_between(chain: Chain) -> None:
    height = chain.block
    done: list[str] = []
    batches = [[("evm_mine", [])], [("eth_blockNumber", [])]] * 20
    answers = chain.rpc.pipeline(batches, lambda: done.append("work"))
    assert [int(each, 16) for (each,) in answers[1::2]] == list(range(height + 1, height + 21))
    assert done == ["work"]


def test_pipeline_error_of_the_work_is_raised_and_the_connection_stays_in_step(
    chain: Chain,
) -> None:
    def broken() -> None:
        raise ValueError("disk full")

    with pytest.raises(ValueError, match="disk full"):
        chain.rpc.pipeline([[("evm_mine", [])], [("eth_chainId", [])]], broken)
    assert chain.rpc.call("web3_clientVersion").startswith("anvil")
