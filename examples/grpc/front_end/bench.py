"""What the cluster can do, seen by clients: many small ones, and one stream with many requests in flight."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import api_pb2 as api
import grpc

from .asking import Cluster

SESSIONS = 4
WINDOW = 64
"""Commands of one session in flight: the most that a session takes."""


@dataclass
class Tally:
    """What was answered, after how many seconds each, and what failed."""

    took: list[float] = field(default_factory=list)
    errors: int = 0

    def row(self, name: str, word: str, seconds: float) -> str:
        """One line of the report."""
        took = sorted(self.took) or [0.0]
        p50, p99, most = (1000 * took[min(len(took) - 1, int(len(took) * part))] for part in (0.5, 0.99, 1.0))
        count = len(self.took)
        return (
            f"{name:<25} {seconds:.1f} s{count:>11,} {word}{count / seconds:>8,.0f}/s"
            f"   p50 {p50:>4.1f}  p99 {p99:>4.1f}  max {most:>4.1f} ms   errors {self.errors}"
        )


async def bench(cluster: Cluster, seconds: float, clients: int, size: int, say: Callable[[str], None]) -> None:
    """Runs all three measurements, and says each as it ends."""
    sessions = [(await cluster.read("Open", api.Empty())).session for _ in range(clients)]
    value = b"x" * size

    async def put(client: int, sequence: int) -> None:
        stub = cluster.stub(cluster.peers[client % len(cluster.peers)])
        caller = api.Caller(session=sessions[client], sequence=sequence, low=sequence)
        await stub.Put(api.PutRequest(caller=caller, key=b"bench/%d" % client, value=value), timeout=5.0)

    async def get(client: int, _: int) -> None:
        stub = cluster.stub(cluster.peers[client % len(cluster.peers)])
        await stub.Get(api.GetRequest(key=b"bench/%d" % client), timeout=5.0)

    say((await _many(put, clients, seconds)).row(f"put  {clients} clients x {size} B", "acknowledged", seconds))
    say((await _many(get, clients, seconds)).row(f"get  {clients} clients", "linearizable", seconds))
    tally = await _stream(cluster, seconds, value)
    say(tally.row(f"one stream, {SESSIONS * WINDOW} in flight", "acknowledged", seconds))


async def _many(call: Callable[[int, int], Awaitable[None]], clients: int, seconds: float) -> Tally:
    """Each client calls, waits, and calls again."""
    tally, end = Tally(), time.monotonic() + seconds

    async def one(client: int) -> None:
        sequence = 0
        while (began := time.monotonic()) < end:
            sequence += 1
            try:
                await call(client, sequence)
                tally.took.append(time.monotonic() - began)
            except grpc.aio.AioRpcError:
                tally.errors += 1

    await asyncio.gather(*(one(client) for client in range(clients)))
    return tally


class _Session:
    """One session of the stream: at most 64 sequences from the lowest unanswered one are in flight."""

    def __init__(self, name: int) -> None:
        self.name, self.low, self.next = name, 1, 1
        self.sent: dict[int, float] = {}

    def requests(self, number: int, value: bytes) -> list[api.Request]:
        """What may be sent now."""
        made = []
        while self.next < self.low + WINDOW:
            caller = api.Caller(session=self.name, sequence=self.next, low=self.low)
            put = api.PutRequest(caller=caller, key=b"bench/stream-%d" % number, value=value)
            made.append(api.Request(ticket=self.next * SESSIONS + number, put=put))
            self.sent[self.next] = time.monotonic()
            self.next += 1
        return made

    def answered(self, sequence: int) -> float:
        """How long the answer took."""
        took = time.monotonic() - self.sent.pop(sequence)
        self.low = min(self.sent, default=self.next)
        return took


async def _stream(cluster: Cluster, seconds: float, value: bytes) -> Tally:
    """One stream, to the leader if one is known."""
    statuses = await cluster.statuses()
    leads = [place for place, status in enumerate(statuses) if status and status["role"] == "leader"]
    up = leads or [place for place, status in enumerate(statuses) if status]
    stub = cluster.stub(cluster.peers[up[0] if up else 0])
    sessions = [_Session((await cluster.read("Open", api.Empty())).session) for _ in range(SESSIONS)]
    tally, end, wake = Tally(), time.monotonic() + seconds, asyncio.Event()

    async def send() -> AsyncIterator[api.Requests]:
        while time.monotonic() < end:
            requests = [made for n, session in enumerate(sessions) for made in session.requests(n, value)]
            if requests:
                yield api.Requests(requests=requests)
                continue
            wake.clear()
            await wake.wait()

    try:
        async for batch in stub.Pipeline(send(), timeout=seconds + 10.0):
            for reply in batch.replies:
                sequence, number = divmod(reply.ticket, SESSIONS)
                took = sessions[number].answered(sequence)
                if reply.WhichOneof("result") == "put":
                    tally.took.append(took)
                else:
                    tally.errors += 1
            wake.set()
    except grpc.aio.AioRpcError:
        tally.errors += sum(len(session.sent) for session in sessions)
    return tally
