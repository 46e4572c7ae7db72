"""The executable behind its pipes: started, spoken to, heard, ended.

::

                    requests, packets             write at once; what the pipe does not take waits here
    services.py --->  [ <= 32 MiB ]  ---> stdin    (packets dropped oldest first, requests refused)
    link.py     <---  packets, by `to`  <-+
    futures     <---  replies, by ticket <-+- stdout   one read per readiness, split, handed on: no task per chunk
    news        <---  role, term, ..    <-+
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import subprocess
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from . import framing, log
from .framing import FramingLost, Malformed, read_varint, varint

PIPE_BYTES = 1 << 20
READ_BYTES = 1 << 16  # more is memory fresh from the system at each read, which costs more than a small read itself
QUEUE_MAX = 32 << 20
BATCH_MAX = framing.CHUNK_MAX - 16
_VECTOR_MAX = 64  # buffers in one write

OPEN, PROPOSE, READ, STALE, STATUS = (bytes((verb,)) for verb in range(5))
"""The verbs of a request."""

DONE, FULL, TOO_LARGE, DRAINING, INVALID, EXPIRED, UNKNOWN, GONE = range(8)
"""The statuses of a reply, and GONE: the executable died with the request open."""

ROLES = ("newborn", "follower", "pre-candidate", "candidate", "leader", "draining")

Answered = Callable[[int, "bytes | memoryview"], None]
"""What is called once with a request's status and body."""


@dataclass(frozen=True)
class News:
    """What the executable last said of itself."""

    role: str
    term: int
    leader: int | None
    commit: int
    applied: int


class Child:
    """The executable. Started before gRPC is imported: a fork after it may hang."""

    def __init__(self, command: list[str]) -> None:
        # A session of its own: Ctrl-C in a terminal reaches the whole foreground group, and must not kill the child
        # before it is asked to drain.
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        self._loop = asyncio.get_running_loop()
        assert self.process.stdin is not None and self.process.stdout is not None
        self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        for descriptor in (self._in, self._out):
            os.set_blocking(descriptor, False)
            with contextlib.suppress(OSError):  # beyond the user's share of pipe memory: the default does as well
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.hello: asyncio.Event = asyncio.Event()
        self.gone: asyncio.Event = asyncio.Event()
        self.lost: str | None = None
        self.stranger = False
        self.news: News | None = None
        self.news_at = 0.0
        self._splitter = framing.Splitter()
        self._tickets: dict[int, Answered] = {}
        self._ticket = 0
        self._turn: dict[int, list[bytes | memoryview]] = {}
        self._sinks: dict[int, Callable[[bytes], None]] = {}
        self._near: dict[int, list[bytes | memoryview]] = {}
        self._requests: deque[bytes] = deque()
        self._packets: deque[tuple[bytes, bytes]] = deque()
        self._waiting = 0
        self._rest: list[bytes | memoryview] = []
        self._closed = False

    def attach(self, sinks: dict[int, Callable[[bytes], None]]) -> None:
        """Begins to speak and to hear; ``sinks`` take the batches for each other peer."""
        self._sinks = sinks
        self._turn = {to: [] for to in sinks}
        # Almost every chunk is one of these: packets for a member whose id is one byte.
        self._near = {to: filed for to, filed in self._turn.items() if to < 0x80}
        self._dropped = log.Seldom("the executable reads too slowly: {count} batches of packets dropped")
        self._too_long = log.Seldom("{count} batches of packets over 8 MiB dropped")
        self._loop.add_reader(self._out, self._on_readable)
        self.send(framing.head(framing.HELLO, len(framing.MAGIC) + 1) + framing.MAGIC + bytes((framing.VERSION,)))

    # ---- to the child ----

    @property
    def is_full(self) -> bool:
        """Whether so much waits for the child that requests are refused."""
        return self._waiting >= QUEUE_MAX

    @property
    def open_tickets(self) -> int:
        """How many requests have no answer yet."""
        return len(self._tickets)

    def request(self, caller: tuple[int, int, int] | None, verb: bytes, body: bytes, answered: Answered) -> bytes:
        """The chunk of a request whose answer is awaited from now on; ``send`` it."""
        self._ticket += 1
        self._tickets[self._ticket] = answered
        if caller is None:
            named = b"\0"
        else:
            session, sequence, low = caller
            named = b"\1" + varint(session) + varint(sequence) + varint(low)
        before = varint(self._ticket) + named + verb
        return b"".join((framing.head(framing.REQUEST, len(before) + len(body)), before, body))  # one copy

    def send(self, chunks: bytes) -> None:
        """Writes whole chunks, at once if nothing waits before them."""
        self._requests.append(chunks)
        self._waiting += len(chunks)
        if not self._rest:
            self._flush()

    def packets(self, batch: bytes) -> None:
        """Hands a batch from some peer on, unread."""
        if not batch:
            return
        if len(batch) > BATCH_MAX:
            self._too_long.happened(self._loop.time())
            return
        self._packets.append((framing.head(framing.PACKETS, len(batch)), batch))
        self._waiting += len(batch)
        if not self._rest:
            self._flush()
        while self._waiting > QUEUE_MAX and self._packets:
            self._waiting -= len(self._packets.popleft()[1])
            self._dropped.happened(self._loop.time())

    def _flush(self) -> None:
        """Writes until nothing waits or the pipe is full. There is one writer, so a short write keeps the framing."""
        while not self._closed:
            if not self._rest and not self._take():
                return
            try:
                written = os.writev(self._in, self._rest)
            except BlockingIOError:
                written = 0
            except BrokenPipeError:  # the end of its stdout says the rest
                return self._close()
            self._rest = _after(self._rest, written)
            if self._rest:
                self._loop.add_writer(self._in, self._on_writable)
                return

    def _on_writable(self) -> None:
        self._loop.remove_writer(self._in)
        self._flush()

    def _take(self) -> bool:
        """Takes what is written next: requests and packets by turns, so that neither starves."""
        rest: list[bytes | memoryview] = []
        while len(rest) < _VECTOR_MAX and (self._requests or self._packets):
            if self._requests:
                chunks = self._requests.popleft()
                self._waiting -= len(chunks)
                rest.append(chunks)
            if self._packets:
                head, batch = self._packets.popleft()
                self._waiting -= len(batch)
                rest += (head, batch)
        self._rest = rest
        return bool(rest)

    def drain(self) -> None:
        """Asks the child to take nothing new, to answer what is open, and to leave."""
        self.send(framing.head(framing.DRAIN, 0))

    def _close(self) -> None:
        """Closes the child's stdin: the end that it drains at, if nothing else told it to."""
        if not self._closed:
            self._closed = True
            self._loop.remove_writer(self._in)
            self._requests.clear()
            self._packets.clear()
            self._waiting, self._rest = 0, []
            assert self.process.stdin is not None
            self.process.stdin.close()

    # ---- from the child ----

    def _on_readable(self) -> None:
        try:
            data = os.read(self._out, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            return self._on_end()
        try:
            buffer, bounds = self._splitter.feed(data)
            if not self.hello.is_set():
                bounds = self._greeted(buffer, bounds)
            self._file(buffer, bounds)
        except FramingLost as lost:
            self.lost = str(lost)
            self._on_end()

    def _greeted(self, buffer: bytes, bounds: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The chunks after the hello, which must be the first."""
        if not bounds:
            return bounds
        start, end = bounds[0]
        hello = buffer[start:end]
        if hello[:6] != bytes((framing.HELLO,)) + framing.MAGIC + bytes((framing.VERSION,)) or len(hello) < 15:
            self.stranger = True
            raise FramingLost("the first chunk is no hello of this version")
        log.debug(f"this directory's incarnation is {int.from_bytes(hello[-8:], 'little'):016x}")
        self.hello.set()
        return bounds[1:]

    def _file(self, buffer: bytes, bounds: list[tuple[int, int]]) -> None:
        """Files the chunks of one read: packets by receiver, the rest by kind."""
        # A copy costs less than a view of a small slice.
        view = memoryview(buffer)
        slices: bytes | memoryview = buffer if len(buffer) < 2048 * len(bounds) else view
        if bounds and bounds[-1][1] - bounds[-1][0] == 1:
            buffer += b"\xff"  # so that each kind has a byte after it; this one is no receiver's
        left, packets = len(bounds), framing.PACKETS
        for to, filed in self._near.items():  # a pass for each is quicker than one that looks each chunk's up
            filed += [
                slices[start + 2 : end] for start, end in bounds if buffer[start] == packets and buffer[start + 1] == to
            ]
            left -= len(filed)
        if left:
            self._file_rest(buffer, view, slices, bounds)
        for to, filed in self._turn.items():
            if filed:
                self._sinks[to](b"".join(filed))  # one copy, so no slice keeps the whole buffer alive
                filed.clear()

    def _file_rest(
        self, buffer: bytes, view: memoryview, slices: bytes | memoryview, bounds: list[tuple[int, int]]
    ) -> None:
        """Files what is no packet for a receiver of one byte."""
        for start, end in bounds:
            if buffer[start] != framing.PACKETS:
                self._on_chunk(buffer[start], view[start + 1 : end])
            elif buffer[start + 1] not in self._near:
                to, begin = _receiver(buffer, start + 1, end)
                if to in self._turn:
                    self._turn[to].append(slices[begin:end])

    def _on_chunk(self, kind: int, rest: memoryview) -> None:
        """A whole chunk: what is wrong inside is dropped, and an unknown kind skipped."""
        try:
            if kind == framing.REPLY:
                ticket, at = read_varint(rest, 0)
                answered = self._tickets.pop(ticket, None)
                if answered is not None and at < len(rest):
                    answered(rest[at], rest[at + 1 :])
            elif kind == framing.NEWS:
                self.news, self.news_at = read_news(rest), self._loop.time()
        except Malformed as wrong:
            log.warn(f"a chunk of kind {kind} from the executable dropped: {wrong}")

    def _on_end(self) -> None:
        """Its stdout has ended, or can no longer be trusted."""
        self._loop.remove_reader(self._out)
        for answered in self._tickets.values():
            answered(GONE, b"the executable died")
        self._tickets.clear()
        self.gone.set()

    # ---- its end ----

    def let_go(self) -> None:
        """Hears it no more: what it has not answered by now is answered as by its end."""
        if not self.gone.is_set():
            self._on_end()

    async def end(self) -> int:
        """Closes its stdin, waits a second, SIGTERM, a second, SIGKILL; its exit code."""
        self.let_go()
        self._close()
        for signal in (self.process.terminate, self.process.kill, None):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return await self._loop.run_in_executor(None, self.process.wait, 1.0)
            if signal is not None:
                signal()
        return self.process.wait()


def read_news(rest: bytes | memoryview) -> News:
    """The fields of a chunk of news."""
    if not rest or rest[0] >= len(ROLES):
        raise Malformed("a role is unknown")
    term, at = read_varint(rest, 1)
    leader = None
    if at >= len(rest) or rest[at] > 1:
        raise Malformed("whether a leader is known is not said")
    if rest[at] == 1:
        leader, at = read_varint(rest, at + 1)
    else:
        at += 1
    commit, at = read_varint(rest, at)
    applied, at = read_varint(rest, at)
    return News(ROLES[rest[0]], term, leader, commit, applied)


def _receiver(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """Whom a chunk of packets is for, and where its batch begins; nobody (-1) if that does not read."""
    try:
        to, length = read_varint(buffer[at : min(end, at + 10)], 0)
        return to, at + length
    except Malformed:
        return -1, end


def _after(parts: list[bytes | memoryview], written: int) -> list[bytes | memoryview]:
    """What is left of the parts after so many bytes."""
    for n, part in enumerate(parts):
        if written < len(part):
            return [memoryview(part)[written:], *parts[n + 1 :]] if written else parts[n:]
        written -= len(part)
    return []
