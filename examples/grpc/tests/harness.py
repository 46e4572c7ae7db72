"""What the tests share: an environment, free ports, peers whose lines are heard, clients, and waiting for a condition.

::

    with Cluster(3) as cluster:              three peer.py on free ports, in a directory of their own
        leader = cluster.leader(within=2)    waits for what every peer says of itself; fails with all their lines
        cluster.stub(0).Put(..)              gRPC, as a client sees it
        cluster.peers[leader].kill()         SIGKILL to the front end and its executable
        cluster.peers[leader].start()        again, on what lies in its directory

Run a test file by itself with `python3 examples/grpc/tests/test_NAME.py`: importing this module goes on in the
environment under `target/python`, which it makes if need be. Nothing here sleeps to prove a thing: each wait is for a
condition, with a deadline.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar

TESTS = Path(__file__).resolve().parent
HERE = TESTS.parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
if sys.version_info < (3, 10):
    sys.exit("the tests of the front end need Python 3.10 or newer, this is %d.%d" % sys.version_info[:2])

from front_end import environment, framing, places

try:
    _made = environment.prepare(environment.Progress())
except places.Refusal as refusal:
    sys.exit(f"the tests of the front end cannot run: {refusal}")
if Path(sys.prefix) != _made.python.parent.parent:
    os.execv(_made.python, [str(_made.python), *sys.argv])
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # tests start processes while gRPC's threads run
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
STUBS = _made.stubs
sys.path.insert(0, str(STUBS))

import api_pb2 as api
import api_pb2_grpc
import grpc

T = TypeVar("T")
Code = grpc.StatusCode


# What the tests start hears SIGHUP, whatever they themselves were started with (`nohup`).
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def wait(condition: Callable[[], T | None], within: float, what: str | Callable[[], str]) -> T:
    """Waits until a condition gives something true, and gives it back; fails with ``what`` if the time is over."""
    deadline = time.monotonic() + within
    pause = threading.Event()
    while True:
        if met := condition():
            return met
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what if isinstance(what, str) else what()}")
        pause.wait(0.02)


_ports: list[IO[str]] = []  # locks on the ports that this process has taken, held until it ends


def free_ports(count: int) -> int:
    """The first of so many ports in a row, ours until this process ends.

    They lie below those that the system gives to outgoing connections: one of those could come in between.
    """
    claims = Path(tempfile.gettempdir()) / f"rsm-ports-{os.getuid()}"  # another user's locks could not be opened
    claims.mkdir(exist_ok=True)
    for _ in range(1000):
        first = random.randrange(10_000, 32_000 - count)
        claimed = [_claim(claims / str(port), port) for port in range(first, first + count)]
        ours = [claim for claim in claimed if claim is not None]
        if len(ours) == count:
            _ports.extend(ours)
            return first
        for claim in ours:
            claim.close()
    raise AssertionError("no ports are free between 10,000 and 32,000")


def _claim(path: Path, port: int) -> IO[str] | None:
    """The lock on a port that nobody listens at."""
    claim = path.open("w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return None
    return claim


def free_port() -> int:
    """One port, ours until this process ends."""
    return free_ports(1)


class Program:
    """A process whose lines on stdout and stderr are heard together."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        self.command = command
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | (env or {}),
            cwd=cwd or ROOT,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._heard:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self._heard.notify_all()

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def hear(self, pattern: str, within: float = 10.0, after: int = 0) -> re.Match[str]:
        """Waits for a line in which a pattern is found."""
        with self._heard:
            found: list[re.Match[str]] = []

            def said() -> bool:
                found.extend(match for line in self.lines[after:] if (match := re.search(pattern, line)))
                return bool(found)

            if not self._heard.wait_for(said, within):
                raise AssertionError(f"no line with {pattern!r} within {within} s, but:\n{self.text()}")
            return found[0]

    def text(self) -> str:
        """All lines so far."""
        return "\n".join(self.lines)

    def send(self, number: int) -> None:
        """Sends a signal."""
        self.process.send_signal(number)

    def wait(self, within: float = 10.0) -> int:
        """Waits for the end, and for all its lines; the exit code, or minus the signal."""
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {within} s:\n{self.text()}") from None
        self._ear.join(5.0)
        return code

    def end(self) -> None:
        """Ends it, whatever it does."""
        with contextlib.suppress(OSError):
            if self.process.stdin is not None:
                self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self._ear.join(5.0)
        if self.process.stdout is not None and not self._ear.is_alive():
            self.process.stdout.close()


class Peer:
    """One peer of a cluster: its front end while it runs, its directory for good."""

    def __init__(self, cluster: Cluster, id: int) -> None:
        self.cluster, self.id = cluster, id
        self.directory = cluster.directory / str(id)
        self._program: Program | None = None
        self._pid = 0

    @property
    def program(self) -> Program:
        """Its front end."""
        assert self._program is not None, f"peer {self.id} was never started"
        return self._program

    @property
    def executable_pid(self) -> int:
        """The process behind the pipes."""
        return self._pid

    @property
    def pids(self) -> tuple[int, int]:
        """Its front end, and the process behind the pipes."""
        return self.program.pid, self._pid

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.cluster.addresses[self.id]

    def start(self, *options: str, listening: bool = True) -> Peer:
        """Starts its front end, and waits until it listens unless told otherwise."""
        command = [sys.executable, str(HERE / "peer.py"), "--id", str(self.id), "--watch-stdin"]
        command += ["--peers", str(self.cluster.peers_file), "--stubs", str(STUBS), "--dir", str(self.directory)]
        command += ["--executable", str(self.cluster.executable), *self.cluster.options, *options]
        if self._program is not None and self._program.process.poll() is not None:
            self._program.end()  # closes its pipes
        self._program = Program(command, self.cluster.env)
        if listening:
            self._pid = int(self.program.hear(r"listening on \S+, executable pid (\d+)")[1])
        return self

    def kill(self) -> None:
        """SIGKILL to the executable and its front end, at once."""
        for pid in (self._pid, self.program.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.program.wait()

    def end(self) -> None:
        """Ends whatever still runs of it."""
        if self._program is not None:
            self._program.end()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if self._pid and is_running(self._pid):
                    os.kill(self._pid, signal.SIGKILL)


class Cluster:
    """Peers on free ports, in a directory that goes with them."""

    def __init__(
        self,
        size: int,
        *options: str,
        executable: Path | None = None,
        env: dict[str, str] | None = None,
        start: bool = True,
    ) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="rsm-", ignore_cleanup_errors=True)
        self.directory = Path(self._home.name)
        self.addresses = [f"127.0.0.1:{free_port()}" for _ in range(size)]
        self.peers_file = self.directory / "peers.yml"
        self.peers_file.write_text("".join(f"- {address}\n" for address in self.addresses))
        self.executable = executable or real_executable()
        self.options, self.env = options, env or {}
        self.peers = [Peer(self, id) for id in range(size)]
        self._channels: dict[int, grpc.Channel] = {}
        if start:
            try:
                self.start()
            except BaseException:
                self.__exit__(None, None, None)
                raise

    def start(self) -> None:
        """Starts all peers, and waits until all listen."""
        for peer in self.peers:
            peer.start(listening=False)
        for peer in self.peers:
            peer._pid = int(peer.program.hear(r"listening on \S+, executable pid (\d+)")[1])

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for channel in self.forget_channels():
            channel.close()
        for peer in self.peers:
            peer.end()
        self._home.cleanup()

    # ---- as a client sees it ----

    def stub(self, id: int) -> Any:
        """The service of one peer. A channel that is kept reconnects within 0.2 s."""
        if id not in self._channels:
            options = [
                ("grpc.enable_http_proxy", 0),
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.min_reconnect_backoff_ms", 1000),
                ("grpc.max_reconnect_backoff_ms", 200),
            ]
            self._channels[id] = grpc.insecure_channel(self.addresses[id], options)
        return api_pb2_grpc.KvStub(self._channels[id])

    def forget_channels(self) -> list[grpc.Channel]:
        """The channels so far, to be closed; later calls make new ones, to where peers listen by then."""
        channels, self._channels = list(self._channels.values()), {}
        return channels

    def status(self, id: int, digest: bool = False) -> dict[str, Any] | None:
        """What a peer says of itself; none if it does not answer within a second."""
        try:
            told = json.loads(self.stub(id).Status(api.StatusRequest(digest=digest), timeout=1.0).json)
        except grpc.RpcError:
            return None
        assert isinstance(told, dict)
        return told

    def statuses(self, digest: bool = False) -> list[dict[str, Any]]:
        """What each peer that answers says of itself."""
        told = (self.status(peer.id, digest) for peer in self.peers)
        return [status for status in told if status is not None]

    def leader(self, within: float = 5.0, above: int = 0) -> int:
        """Waits for a leader in a term above this one, whom a majority names; its id."""

        def led() -> tuple[int] | None:
            statuses = self.statuses()
            for status in statuses:
                if status["role"] == "leader" and status["term"] > above:
                    follow = [s for s in statuses if (s["term"], s["leader"]) == (status["term"], status["id"])]
                    if 2 * len(follow) > len(self.peers):
                        return (int(status["id"]),)
            return None

        return wait(led, within, lambda: f"a leader above term {above}\n{self.text()}")[0]

    def agreed(self, within: float = 10.0) -> list[dict[str, Any]]:
        """Waits until all peers have applied the same, and have the same digest of it; their statuses."""

        def same() -> list[dict[str, Any]] | None:
            statuses = self.statuses(digest=True)
            states = {(status["applied"], status["digest"]) for status in statuses}
            return statuses if len(statuses) == len(self.peers) and len(states) == 1 else None

        return wait(same, within, lambda: f"one state: {self.statuses(digest=True)}\n{self.text()}")

    def client(self, *words: str, within: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Runs client.py."""
        command = [sys.executable, str(HERE / "client.py"), "--stubs", str(STUBS), "--peers", str(self.peers_file)]
        command += words
        return subprocess.run(command, capture_output=True, text=True, timeout=within, check=False)

    def text(self) -> str:
        """All lines of all peers."""
        started = [peer for peer in self.peers if peer._program is not None]
        return "\n".join(f"peer {peer.id} | {line}" for peer in started for line in peer.program.lines)


def is_lost(code: grpc.StatusCode, words: str | None) -> bool:
    """Whether a call has failed because its connection was lost, as gRPC puts that."""
    return code is Code.UNAVAILABLE and re.search(r"Socket closed|recvmsg:|sendmsg:", words or "") is not None


def is_running(pid: int) -> bool:
    """Whether a process is there and not a corpse."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def memory(pid: int) -> int:
    """The bytes that a process holds in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def real_executable() -> Path:
    """The executable that cargo has just built, or else the newest one."""
    named = os.environ.get("RSM_EXECUTABLE")
    return Path(named) if named else places.executable()


@contextlib.contextmanager
def script(*command: str | Path) -> Iterator[Path]:
    """An executable that runs a command and adds its own arguments to it."""
    with tempfile.TemporaryDirectory(prefix="rsm-") as home:
        path = Path(home) / "executable"
        words = " ".join("'" + str(word).replace("'", "'\\''") + "'" for word in command)
        path.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        path.chmod(0o755)
        yield path


@contextlib.contextmanager
def fake(size: int = 1, habits: str = "", start: bool = True) -> Iterator[Cluster]:
    """Peers whose executable is the stand-in, with habits (see fake_child.py); each is a cluster of one."""
    with (
        script(sys.executable, TESTS / "fake_child.py") as executable,
        Cluster(size, executable=executable, env={"FAKE": habits}, start=start) as cluster,
    ):
        yield cluster


def batch_of(size: int) -> bytes:
    """A batch of so many bytes that holds one packet."""
    length = next(n for n in range(1, 6) if len(framing.varint(size - n)) == n)
    return framing.varint(size - length) + bytes(size - length)


class Test(unittest.TestCase):
    """Shows whole texts when they differ."""

    maxDiff = None

    def says(self, cluster: Cluster, words: str, out: str, err: str = "", code: int = 0) -> None:
        """A command prints this and that, and exits so."""
        done = cluster.client(*words.split(" "))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (code, out, err), words)

    def fails(self, code: grpc.StatusCode, words: str, call: Callable[[], object]) -> None:
        """A call fails so, and says so."""
        with self.assertRaises(grpc.RpcError) as raised:
            call()
        self.assertEqual((raised.exception.code(), raised.exception.details()), (code, words))


def main(together: bool = True) -> None:
    """Runs the tests of the file that was started: its classes side by side, since they mostly wait."""
    tests = [name for name, value in vars(sys.modules["__main__"]).items() if isinstance(value, type)]
    tests = [name for name in tests if issubclass(getattr(sys.modules["__main__"], name), Test)]
    if len(sys.argv) > 1 or not together or len(tests) < 2:
        unittest.main(verbosity=2, warnings="default")
    running = [
        subprocess.Popen(
            [sys.executable, *sys.argv, name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        for name in tests
    ]
    for process in running:
        sys.stdout.write(process.communicate()[0].decode(errors="replace"))
    sys.exit(max(process.returncode != 0 for process in running))
