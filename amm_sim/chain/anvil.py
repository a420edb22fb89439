"""One Anvil child process by the recipe that keeps batched blocks ordered and long runs flat.

``--order fees`` with a gas price that encodes the rank keeps the order of a batch; ``--hardfork
cancun --prune-history=4 --transaction-block-keeper 64`` keeps block time and memory flat over tens
of thousands of blocks.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from amm_sim.chain.artifacts import ROOT
from amm_sim.chain.rpc import Rpc
from amm_sim.chain.upstream import Upstream
from amm_sim.errors import SetupError

VERSION = "1.7.1"
"""The only version whose order, pruning and revert data the engine has been measured on."""
ENVIRONMENT = "AMM_SIM_ANVIL"
"""Environment variable that names another Anvil binary."""
STATES = 4
"""Past blocks whose state the node keeps: views of them run beside what it mines."""
RECIPE = (
    "--no-mining",
    "--order",
    "fees",
    "--hardfork",
    "cancun",
    "--base-fee",
    "0",
    "--disable-block-gas-limit",
    f"--prune-history={STATES}",
    "--transaction-block-keeper",
    "64",
    "--no-request-size-limit",
    "--accounts",
    "1",
    "--silent",
)
BOOT_SECONDS = 20.0


def find_binary() -> Path:
    """The Anvil binary: the environment variable, npm's platform package, the PATH.

    Raises:
        SetupError: there is none.

    """
    named = os.environ.get(ENVIRONMENT)
    if named:
        if not os.access(named, os.X_OK):
            raise SetupError(f"{ENVIRONMENT} = {named}: not an executable file")
        return Path(named)
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system(), "win32")
    machine = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}.get(
        platform.machine(), platform.machine()
    )
    packaged = ROOT / "node_modules" / "@foundry-rs" / f"anvil-{system}-{machine}" / "bin" / "anvil"
    if packaged.exists():
        return packaged
    found = shutil.which("anvil")
    if not found:
        raise SetupError(f"Anvil {VERSION} is missing: run `make setup` (npm's @foundry-rs/anvil)")
    return Path(found)


def version_of(binary: Path) -> str:
    """The version that a binary states.

    Raises:
        SetupError: it does not run.

    """
    try:
        done = subprocess.run(
            [str(binary), "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SetupError(f"{binary} does not run: {error}") from error
    first = done.stdout.splitlines()[0] if done.stdout else ""
    return first.rpartition(" ")[2].partition("-")[0]


def check_binary() -> Path:
    """The binary, if it is of the one supported version.

    Raises:
        SetupError: missing or of another version.

    """
    binary = find_binary()
    version = version_of(binary)
    if version != VERSION:
        raise SetupError(
            f"{binary} is Anvil {version or 'of no known version'}: "
            f"{VERSION} is needed, run `make setup`"
        )
    return binary


@dataclass(frozen=True)
class Fork:
    """A chain to fork and where; its last block by default."""

    url: str
    block: int | None = None
    cache: Path | None = None
    """Folder that keeps what the fork asks of ``url``: later forks of the block need no network."""

    def __post_init__(self) -> None:
        if self.cache is not None and self.block is None:
            raise SetupError("a fork's cache holds one block's answers: name it by --fork-block")


class Anvil:
    """A child process on a loopback port, stopped by ``stop``, by leaving the context or at exit.

    Args:
        timestamp: of the genesis block, seconds since 1970.
        port: a free one when 0.
        fork: a chain to fork.
        code_limit: whether contracts may be at most 24,576 bytes, as on a public chain.
        history: keeps old states, so that somebody may fork from a past block; slower with each.
        extra: further flags.

    Raises:
        SetupError: no binary, another version, port in use, or the process dies while booting.

    """

    def __init__(
        self,
        timestamp: int = 1_700_000_000,
        *,
        port: int = 0,
        fork: Fork | None = None,
        code_limit: bool = True,
        history: bool = False,
        extra: tuple[str, ...] = (),
    ) -> None:
        binary = check_binary()
        self.port = port or _free_port()
        _require_free(self.port)
        self._folder = tempfile.mkdtemp(prefix="amm-sim-anvil-")
        recipe = tuple(f for f in RECIPE if not (history and f.startswith("--prune-history")))
        self.flags = (*recipe, *_chain_flags(timestamp, fork), *extra)
        if not code_limit:
            self.flags += ("--disable-code-size-limit",)
        self._upstream = Upstream(fork.url, fork.cache) if fork and fork.cache else None
        self._process: subprocess.Popen[bytes] | None = self._start(binary)
        self._guard = None if _in_main_thread() else _guard(self._process.pid)
        atexit.register(self.stop)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Of the process; 0 once stopped."""
        return self._process.pid if self._process else 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> Rpc:
        """A new connection."""
        return Rpc(self.port)

    def resident_megabytes(self) -> float:
        """Resident memory of the process; 0 where the system does not tell."""
        try:
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    return int(line.split()[1]) / 1024
        except OSError:
            pass
        return 0.0

    def stop(self) -> None:
        """Ends the process and removes its state; again is harmless."""
        process, self._process = self._process, None
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.kill()
            guard.communicate()
        if process is not None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, binary: Path) -> subprocess.Popen[bytes]:
        command = [
            str(binary),
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--cache-path",
            self._folder,
        ]
        with (Path(self._folder) / "log").open("wb") as log:
            return subprocess.Popen(
                [*command, *self._through_cache()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_child_rules(),  # noqa: PLW1509 - two system calls
            )

    def _through_cache(self) -> list[str]:
        """The flags as they are stated, but with the cache's address where there is one."""
        flags = list(self.flags)
        if self._upstream is not None:
            flags[flags.index("--fork-url") + 1] = self._upstream.url
        return flags

    def _wait(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise SetupError(f"Anvil did not start on port {self.port}: {self._last_words()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=0.5).close()
                return
            except OSError:
                time.sleep(0.005)
        raise SetupError(f"Anvil did not answer on port {self.port} within {BOOT_SECONDS:.0f} s")

    def _last_words(self) -> str:
        lines = (Path(self._folder) / "log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no message"


def _chain_flags(timestamp: int, fork: Fork | None) -> tuple[str, ...]:
    if fork is None:
        return ("--timestamp", str(timestamp))
    pinned = () if fork.block is None else ("--fork-block-number", str(fork.block))
    return ("--fork-url", fork.url, *pinned, "--no-storage-caching")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise SetupError(
                f"port {port} is in use or not allowed: choose another one ({error})"
            ) from error


def _child_rules() -> Callable[[], None] | None:
    """None in a thread: there the parent that Linux watches is the thread."""
    return _die_with_parent if _in_main_thread() else None


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _guard(pid: int) -> subprocess.Popen[bytes] | None:
    """Ends ``pid`` when this process is gone, however it went: then the pipe to the guard closes.

    For threads, such as those of a cluster's worker.
    """
    if platform.system() == "Windows":
        return None
    command = ["/bin/sh", "-c", f"read _; kill {pid}"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _die_with_parent() -> None:
    """Linux ends the child when its parent dies, even by kill -9. Ctrl-C stays with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if platform.system() == "Linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
