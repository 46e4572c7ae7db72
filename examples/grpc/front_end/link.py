"""One outgoing stream to one other peer: what gathers while a write is under way is the next batch.

::

    child.py --push--> [ queue, <= 8 MiB, oldest dropped ] --take <= 1 MiB--> write --> stream
                                                                 ^              |
                                                                 +--- awaited --+
    a stream that ends: a pause (full jitter, up to 2 s), then a new channel. The other's own stream coming in ends
    the pause: it is up again.

Packets may be lost, doubled and reordered, so nothing is ever sent twice here, and a write is *sent*, never delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque

import api_pb2 as api
import api_pb2_grpc
import grpc

from . import log

QUEUE_MAX = 8 << 20
BATCH_MAX = 1 << 20
PAUSE_MIN_S = 0.05
PAUSE_MAX_S = 2.0
LIVED_S = 5.0
"""A stream that has lived so long begins its pauses anew."""

CHANNEL = (
    ("grpc.keepalive_time_ms", 10_000),  # frees dead connections; Raft itself finds dead peers
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),  # also what an attempt to connect may take
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),  # a proxy in the environment would swallow loopback traffic
)


class Link:
    """The way to one other peer."""

    def __init__(self, me: int, peer: int, address: str) -> None:
        self._me, self._peer, self._address = me, peer, address
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._back = asyncio.Event()
        self._flushed = asyncio.Event()
        self._closing = False
        self._dropped = log.Seldom(f"peer {peer} takes too little: {{count}} batches of packets dropped")

    def push(self, batch: bytes) -> None:
        """Queues a batch; the oldest go where more than 8 MiB wait."""
        self._queue.append(batch)
        self._bytes += len(batch)
        while self._bytes > QUEUE_MAX and len(self._queue) > 1:
            self._bytes -= len(self._queue.popleft())
            self._dropped.happened(asyncio.get_running_loop().time())
        self._wake.set()

    def is_back(self) -> None:
        """The other peer has reached us, so it can be reached: try at once."""
        self._back.set()

    async def run(self) -> None:
        """Streams until closed."""
        loop = asyncio.get_running_loop()
        longest = PAUSE_MIN_S
        while not self._closing:
            self._back.clear()
            began = loop.time()
            await self._stream()
            self._flushed.set()
            if self._closing:
                return
            self._queue.clear()  # as lost as those under way: a peer that is back wants no old news
            self._bytes = 0
            longest = PAUSE_MIN_S if loop.time() - began > LIVED_S else min(2 * longest, PAUSE_MAX_S)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._back.wait(), random.uniform(0, longest))

    async def _stream(self) -> None:
        """One stream, from its connection to its end."""
        channel = grpc.aio.insecure_channel(self._address, options=CHANNEL)
        try:
            call = api_pb2_grpc.PeersStub(channel).Packets(metadata=(("rsm-peer", str(self._me)),))
            call.add_done_callback(lambda _: self._wake.set())
            while not call.done():
                if self._queue:
                    await call.write(api.Batch(packets=self._take()))
                elif self._closing:
                    await call.done_writing()
                    self._flushed.set()
                    await call
                else:
                    self._wake.clear()
                    await self._wake.wait()
            log.debug(f"the stream to peer {self._peer} has ended: {(await call.code()).name.lower()}")
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            code = error.code().name.lower() if isinstance(error, grpc.aio.AioRpcError) else "closed"
            log.debug(f"the stream to peer {self._peer} has ended: {code}")
        finally:
            await channel.close()

    def _take(self) -> bytes:
        """The oldest batches, joined up to 1 MiB."""
        taken = [self._queue.popleft()]
        size = len(taken[0])
        while self._queue and size + len(self._queue[0]) <= BATCH_MAX:
            taken.append(self._queue.popleft())
            size += len(taken[-1])
        self._bytes -= size
        return b"".join(taken)

    async def close(self, flush_s: float) -> None:
        """Sends what waits, for so long at most, and ends the stream."""
        self._closing = True
        self._wake.set()
        self._back.set()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._flushed.wait(), flush_s)
