"""Several peers under one roof: started, their lines shown, their deaths told, drained together.

::

    peer.py 0 --stdout, stderr--+
    peer.py 1 ------------------+--> lines --> terminal        signals come through a pipe of their own,
    peer.py 2 ------------------+      |                       so one `select` waits for everything
                                       +--> who is up, who leads
    each in its own session, its stdin a pipe that it watches: when cluster.py is gone, however it went, they drain
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .terminal import RED, Terminal

DRAIN_S = 6.0
"""What peers may take to drain before they are killed."""
ELECTION_S = 3.0
"""How long the news of a dead leader waits for the name of the next."""


@dataclass
class Member:
    """One peer, as cluster.py sees it."""

    peer: int
    process: subprocess.Popen[bytes]
    partial: bytes = b""
    is_up: bool = False
    code: int | None = None
    follows: tuple[int, int] | None = None
    died_at: float = 0.0

    @property
    def output(self) -> int:
        """The pipe that its lines come through."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()


@dataclass
class Flock:
    """All peers. ``ready`` is called once they are up and one leads."""

    terminal: Terminal
    ready: Callable[[int, float], None]
    members: list[Member] = field(default_factory=list)
    _told: list[Member] = field(default_factory=list)
    _untold: list[Member] = field(default_factory=list)
    _leader: tuple[int, int] | None = None
    _began: float = 0.0
    _is_ready: bool = False
    _signals: int = 0

    def start(self, commands: list[list[str]]) -> None:
        """Starts a peer with each command."""
        self._selector = selectors.DefaultSelector()
        self._woken, waker = socket.socketpair()
        for end in (self._woken, waker):
            end.setblocking(False)
        self._waker = waker  # kept: the interpreter writes to it
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for caught in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(caught, lambda *_: None)
        self._selector.register(self._woken, selectors.EVENT_READ)
        for peer, command in enumerate(commands):
            process = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            member = Member(peer, process)
            os.set_blocking(member.output, False)
            self._selector.register(member.output, selectors.EVENT_READ, member)
            self.members.append(member)
        self._began = time.monotonic()

    @property
    def alive(self) -> list[Member]:
        """The peers whose front ends run."""
        return [member for member in self.members if member.code is None]

    def run(self) -> int:
        """Shows what happens until Ctrl-C, SIGTERM, or everybody's death; the exit code."""
        while not self._signals and self.alive:
            self._turn(0.1 if self._untold else None)
            self._tell_deaths()
        if not self.alive:
            self._tell_deaths(at_once=True)
            if all(member.code == 2 for member in self.members):  # each has said why
                self.terminal.say("no peer could start", RED)
                return 2
            self.terminal.say("all peers died", RED)
            return 70
        return self._drain()

    # ---- one turn ----

    def _turn(self, timeout: float | None) -> None:
        """Waits for lines, signals and deaths, and deals with them."""
        for key, _ in self._selector.select(timeout):
            if key.data is not None:
                self._read(key.data)
                continue
            with contextlib.suppress(BlockingIOError):
                caught = self._woken.recv(4096)
                self._signals += sum(number != signal.SIGCHLD for number in caught)
        for member in self.alive:
            member.code = member.process.poll()
            if member.code is not None:
                self._read(member)  # its last lines come before the word of its death
                member.died_at = time.monotonic()
                self._untold.append(member)
                if self._leader is not None and self._leader[1] == member.peer:
                    self._leader = None

    def _read(self, member: Member) -> None:
        """The lines that a peer has written."""
        data = None
        with contextlib.suppress(BlockingIOError, KeyError):
            self._selector.get_key(member.output)
            while data := os.read(member.output, 1 << 16):
                *lines, member.partial = (member.partial + data).split(b"\n")
                for line in lines:
                    self._on_line(member, line.decode(errors="surrogateescape"))
        if data == b"":
            self._selector.unregister(member.output)

    def _on_line(self, member: Member, line: str) -> None:
        """Shows a line, and learns from it who is up and who leads."""
        self.terminal.peer(member.peer, line)
        if re.search(r"^\S+ listening on ", line):
            member.is_up = True
        elif found := re.search(r"^\S+ leader of term (\d+)", line):
            self._leader = member.follows = (int(found[1]), member.peer)
        elif found := re.search(r"^\S+ follows (\d+) in term (\d+)", line):
            member.follows = (int(found[2]), int(found[1]))
            self._leader = max(self._leader or member.follows, member.follows)
        alive = self.alive
        if self._is_ready or self._leader is None or not all(member.is_up for member in alive):
            return
        if all(member.follows == self._leader for member in alive):
            self._is_ready = True
            self.ready(self._leader[1], time.monotonic() - self._began)

    # ---- deaths ----

    def _tell_deaths(self, at_once: bool = False) -> None:
        """One red line per death; of a leader, once the next is known or three seconds have passed."""
        quorum = len(self.members) // 2 + 1 <= len(self.alive)
        while self._untold:
            member = self._untold[0]
            waited = time.monotonic() - member.died_at >= ELECTION_S
            if not (self._leader is not None or waited or at_once or not quorum):
                return
            self._told.append(self._untold.pop(0))
            leads = f"peer {self._leader[1]} leads" if self._leader is not None and quorum else "nobody leads"
            up = f"{len(self.alive)} of {len(self.members)} peers up"
            self.terminal.say(f"peer {member.peer} died (front end: {_how(member)}); {up}, {leads}", RED)

    # ---- the end ----

    def _drain(self) -> int:
        """Asks all to drain, waits six seconds, and kills what is left."""
        self._tell_deaths(at_once=True)
        draining, began = self.alive, time.monotonic()
        self.terminal.say("draining (Ctrl-C again to stop at once)")
        self._each(draining, signal.SIGTERM)
        signals = self._signals
        while self.alive and (left := began + DRAIN_S - time.monotonic()) > 0:
            self._turn(left)
            if self._signals > signals:
                signals = self._signals
                self._each(self.alive, signal.SIGTERM)  # their second signal: they stop at once
        self._each(self.alive, signal.SIGKILL)
        while self.alive:
            self._turn(0.1)
        took = time.monotonic() - began
        failed = [member for member in draining if member.code != 0]
        dead = [f"peer {member.peer} had died" for member in self._told]
        dead += [f"peer {member.peer} did not drain ({_how(member)})" for member in failed]
        whole = f"all peers drained in {took:.2f} s"
        self.terminal.say("; ".join([f"drained in {took:.2f} s", *dead]) if dead else whole, RED if failed else "")
        return 70 if failed else 0

    def _each(self, members: list[Member], number: int) -> None:
        for member in members:
            member.process.send_signal(number)


def _how(member: Member) -> str:
    """How a front end ended."""
    assert member.code is not None
    return f"signal {-member.code}" if member.code < 0 else f"exit {member.code}"
