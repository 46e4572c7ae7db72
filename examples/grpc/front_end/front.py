"""A front end from its start to its exit code.

::

    child starts -> import grpc -> hello -> bind -> listening ... a reason to stop
                                                                     |
      (a) clients are refused   (b) `drain` to the child, <= 2 s   (c) links flush, <= 0.5 s
      (d) streams end, answers are sent, <= 0.5 s   (e) the child's stdin closed, 1 s, SIGTERM, 1 s, SIGKILL   (f) exit

In all at most 5 s. A second signal goes on with (e) at once.

The server is never stopped: gRPC's answers CANCELLED to each call that reaches it while it stops, which says that the
caller gave up. Ours refuses calls with `draining` until the process ends; whoever comes just then finds the connection
lost. Both are UNAVAILABLE: ask another peer.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import log
from .child import Child
from .places import PROTOC, Refusal, shown

if TYPE_CHECKING:
    from .link import Link
    from .services import Kv, Peers

QUIET_S = 5.0
"""A child that says nothing for so long is spoken of."""

SERVER = (
    ("grpc.so_reuseport", 0),  # else two servers share one port, in silence
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),  # below the clients' 10 s: jitter makes strikes
    ("grpc.keepalive_permit_without_calls", 1),
)


@dataclass(frozen=True)
class Settings:
    """What the command line asks for."""

    me: int
    addresses: list[str]
    listen: str
    directory: Path
    executable: Path
    snapshot_every: int
    first_boot: str | None
    log_level: str
    watch_stdin: bool
    stubs: Path

    def command(self) -> list[str]:
        """How the executable is started."""
        members = ",".join(f"{peer}={address}" for peer, address in enumerate(self.addresses))
        command = [str(self.executable), "--id", str(self.me), "--members", members, "--dir", shown(self.directory)]
        command += ["--snapshot-every", str(self.snapshot_every), "--log-level", self.log_level]
        return command + (["--first-boot", self.first_boot] if self.first_boot is not None else [])


class Front:
    """One front end, on the running loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._is_new = not settings.directory.exists()
        try:
            self._child = Child(settings.command())  # before gRPC: a fork after its threads have begun may hang
        except OSError as error:
            raise Refusal(f"cannot start {settings.executable}: {error.strerror}") from None

    async def run(self) -> int:
        """Until a signal, the end of a watched stdin, or of the child; the exit code, to end the process with."""
        for caught in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if caught != signal.SIGHUP or signal.getsignal(caught) is not signal.SIG_IGN:  # `nohup` stays in force
                self._loop.add_signal_handler(caught, self._on_signal)
        if self._settings.watch_stdin:
            self._loop.add_reader(0, self._on_stdin)
        try:
            self._import()
            await self._serve()
        except Refusal:
            await self._child.end()
            raise
        return await self._leave()

    def _on_signal(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def _on_stdin(self) -> None:
        if not os.read(0, 4096):
            self._loop.remove_reader(0)
            self._stop.set()

    # ---- up ----

    def _import(self) -> None:
        """Imports gRPC and the stubs, which say themselves if they were made for another version."""
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
        sys.path.insert(0, str(self._settings.stubs))
        try:
            importlib.import_module("api_pb2_grpc")
        except Exception as error:  # each version of each package has a class of its own for this
            log.debug(f"{type(error).__name__}: {' '.join(str(error).split())}")
            raise Refusal(f"stubs were made by another grpcio-tools; run: {PROTOC}") from None

    async def _serve(self) -> None:
        """Serves from the child's hello until there is a reason to stop."""
        import api_pb2_grpc
        import grpc

        from .link import Link
        from .services import Kv, Peers

        settings, child = self._settings, self._child
        others = {peer: address for peer, address in enumerate(settings.addresses) if peer != settings.me}
        self._links: dict[int, Link] = {peer: Link(settings.me, peer, at) for peer, at in others.items()}
        self._kv: Kv = Kv(child)
        self._peers: Peers = Peers(child, {str(peer): link for peer, link in self._links.items()})
        self._running = [asyncio.ensure_future(link.run()) for link in self._links.values()]
        child.attach({peer: link.push for peer, link in self._links.items()})
        await self._first(child.hello.wait(), child.gone.wait(), self._stop.wait())
        if child.hello.is_set() and not child.gone.is_set() and not self._stop.is_set():
            server = grpc.aio.server(options=SERVER)
            api_pb2_grpc.add_PeersServicer_to_server(self._peers, server)
            api_pb2_grpc.add_KvServicer_to_server(self._kv, server)
            try:
                server.add_insecure_port(settings.listen)
            except RuntimeError:
                await self._close_links(0.0)
                raise Refusal(self._taken()) from None
            await server.start()
            self._server = server  # one that nobody holds is gone
            new = " (new)" if self._is_new else ""
            pid, directory = child.process.pid, shown(settings.directory)
            log.info(f"listening on {settings.listen}, executable pid {pid}, dir {directory}{new}")
            watch = asyncio.ensure_future(self._watch_news())
            await self._first(child.gone.wait(), self._stop.wait())
            watch.cancel()

    def _taken(self) -> str:
        listen, addresses = self._settings.listen, self._settings.addresses
        whose = f"peer {addresses.index(listen)}" if listen in addresses else "another program"
        return f"{listen} is taken; is {whose} already running? choose another with --listen"

    async def _watch_news(self) -> None:
        """Speaks of a child that has gone quiet."""
        self._child.news_at = self._loop.time()
        while True:
            quiet = self._loop.time() - self._child.news_at
            if quiet >= QUIET_S:
                log.warn(f"no news from the executable for {quiet:.0f} s")
            await asyncio.sleep(max(1.0, QUIET_S - quiet))

    # ---- down ----

    async def _leave(self) -> int:
        """Drains, in the order of the drawing above; the exit code."""
        child = self._child
        self._kv.is_draining = True
        if not child.gone.is_set():
            log.info(f"draining, {_count(child.open_tickets, 'ticket')} open")
            child.drain()
            await self._first(child.gone.wait(), self._hurry.wait(), timeout=2.0)
            child.let_go()
        await self._close_links(0.0 if self._hurry.is_set() else 0.5)
        self._peers.end()
        await self._first(self._kv.settle(), self._hurry.wait(), timeout=0.5)
        return self._verdict(await child.end())

    async def _close_links(self, flush_s: float) -> None:
        await asyncio.gather(*(link.close(flush_s) for link in self._links.values()))
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _verdict(self, code: int) -> int:
        """Our exit code, from the child's; what it died of is said."""
        child, me = self._child, self._settings.me
        if child.lost is not None:
            log.line(f"peer {me}: the executable does not speak the pipe's language: {child.lost}")
            return 2 if child.stranger else 70
        if code == 0:
            log.info("drained, exit 0")
            return 0
        if code == 2:  # it has said why
            return 2
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        log.line(f"peer {me}: executable ended with {how}; see the lines above")
        return 70

    async def _first(self, *waits: Coroutine[Any, Any, Any], timeout: float | None = None) -> None:
        """Waits for the first of several."""
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
