"""A study on a cluster: dask.distributed runs the paths, the ledger stays here.

Scheduler and workers need this project at the same commit, workers also the compiled contracts; a
worker's Anvil lives as long as the worker does. A worker that dies takes no path with it: the
scheduler gives the path to another one, and to nobody any more once it has killed a few (dask's
``allowed-failures``).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from distributed import Client, KilledWorker

from amm_sim.engine.ledger import FAILED
from amm_sim.engine.study import Task
from amm_sim.errors import SetupError
from amm_sim.types import PathResult

PATIENCE = 30.0
"""Seconds in which a scheduler has to answer and to show a worker."""


class ClusterExecutor(Executor):
    """A client's executor whose futures say what a study understands.

    A path that kills its workers is a failed path; a lost scheduler ends the study with a
    SetupError, and the ledger knows how far it came.
    """

    def __init__(self, client: Client, address: str) -> None:
        self._client, self._address = client, address
        self._inner = client.get_executor(pure=False)

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """One task of a study."""
        outer: Future[Any] = Future()
        outer.set_running_or_notify_cancel()  # what is under way is finished, also after Ctrl-C
        inner = self._inner.submit(work, *args, **kwargs)
        inner.add_done_callback(lambda done: self._hand_over(done, outer, args[0]))
        return outer

    def _hand_over(self, done: Future[Any], outer: Future[Any], task: Task) -> None:
        if done.cancelled():
            message = f"the scheduler at {self._address} is gone: start it and run the same again"
            outer.set_exception(SetupError(message))
            return
        error = done.exception()
        if error is None:
            outer.set_result(done.result())
        elif isinstance(error, KilledWorker):
            outer.set_result(PathResult(*task.key, FAILED, task.point.changes, error=str(error)))
        else:
            outer.set_exception(SetupError(f"a worker of {self._address} cannot run: {error!r}"))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Leaves the cluster; what still runs there is forgotten."""
        with suppress(Exception):
            self._inner.shutdown(wait=False)
        with suppress(Exception):
            self._client.close()


@dataclass(frozen=True)
class Cluster:
    """Makes executors on the scheduler at ``address``, like ``tcp://host:8786``.

    Raises:
        SetupError: no scheduler, or no worker, within half a minute.
    """

    address: str

    def __call__(self) -> ClusterExecutor:
        """A new connection."""
        return ClusterExecutor(self._client(), self.address)

    def workers(self) -> int:
        """How many workers there are now."""
        client = self._client()
        try:
            return len(client.scheduler_info(n_workers=-1)["workers"])
        finally:
            client.close()

    def _client(self) -> Client:
        try:
            client = Client(self.address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise SetupError(f"no dask scheduler at {self.address}: {error}") from error
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            client.close()
            raise SetupError(
                f"the scheduler at {self.address} has no workers: dask worker {self.address}"
            ) from None
        return client
