"""The two services: packets of the other peers are handed on unread, clients' calls become tickets on the pipe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from json import dumps, loads
from os import getpid
from typing import Any

import api_pb2 as api
import api_pb2_grpc
import grpc

from . import child, kv, log
from .child import Child
from .framing import Malformed, read_varint
from .link import Link

REQUEST_MAX = 4 << 20
"""The most bytes of one client's request."""
PIPELINE_MAX = 4096
"""Requests of one pipeline in flight: beyond it no more are read from its stream."""

MOMENT_S = 0.01
"""Calls that wait in gRPC come to us one by one, each well within this time of the one before."""

Code = grpc.StatusCode
FAILURES: dict[int, tuple[grpc.StatusCode, str]] = {
    child.FULL: (Code.RESOURCE_EXHAUSTED, "full"),
    child.TOO_LARGE: (Code.INVALID_ARGUMENT, "too large"),
    child.DRAINING: (Code.UNAVAILABLE, "draining"),
    child.INVALID: (Code.INVALID_ARGUMENT, "invalid"),
    child.EXPIRED: (Code.FAILED_PRECONDITION, "expired"),
    child.UNKNOWN: (Code.DEADLINE_EXCEEDED, "unknown"),
    child.GONE: (Code.UNAVAILABLE, "gone"),
}


class Failed(Exception):
    """A call that was not done: gRPC's code, and the status's word with a line that says why."""

    def __init__(self, status: int, why: str) -> None:
        self.code, word = FAILURES[status]
        self.text = f"{word}: {why}"


class Peers(api_pb2_grpc.PeersServicer):
    """Takes the streams of the other peers."""

    def __init__(self, executable: Child, links: dict[str, Link]) -> None:
        self._child, self._links = executable, links
        self._streams: dict[str, asyncio.Task[Any]] = {}
        self._open: set[asyncio.Task[Any]] = set()

    async def Packets(self, batches: AsyncIterator[api.Batch], context: Any) -> api.Empty:
        """One peer's stream. The newest of a peer wins: it restarted, or a half-open connection lingers."""
        task = asyncio.current_task()
        assert task is not None
        peer = str(dict(context.invocation_metadata() or ()).get("rsm-peer", ""))
        if (link := self._links.get(peer)) is not None:
            link.is_back()
            older = self._streams.get(peer)
            self._streams[peer] = task
            if older is not None:
                older.cancel()
        self._open.add(task)
        try:
            async for batch in batches:
                self._child.packets(batch.packets)
        except asyncio.CancelledError:
            if self._streams.get(peer, task) is task:
                raise
            await context.abort(Code.ABORTED, "a newer stream of this peer has come")
        finally:
            self._open.discard(task)
            if self._streams.get(peer) is task:
                del self._streams[peer]
        return api.Empty()

    def end(self) -> None:
        """Ends all streams: a server that stops would wait for them."""
        for task in self._open:
            task.cancel()


class Kv(api_pb2_grpc.KvServicer):
    """Answers clients."""

    def __init__(self, executable: Child) -> None:
        self._child = executable
        self.is_draining = False
        self._taken = 0  # calls so far
        self._open = 0  # those of which something is still to be sent
        self._readings: set[asyncio.Task[None]] = set()

    # ---- one call ----

    async def Open(self, request: api.Empty, context: Any) -> api.Session:
        """Opens a session, named by the index of its entry."""
        index, _ = await self._ask(context, child.OPEN, bytes)
        return api.Session(session=index)

    async def Put(self, request: api.PutRequest, context: Any) -> api.PutReply:
        """Sets a key to a string."""
        reply: api.PutReply = await self._call("put", request, context)
        return reply

    async def Delete(self, request: api.DeleteRequest, context: Any) -> api.DeleteReply:
        """Removes a key, whatever it holds."""
        reply: api.DeleteReply = await self._call("delete", request, context)
        return reply

    async def Cas(self, request: api.CasRequest, context: Any) -> api.CasReply:
        """Sets a key to a string if it holds another."""
        reply: api.CasReply = await self._call("cas", request, context)
        return reply

    async def Append(self, request: api.AppendRequest, context: Any) -> api.AppendReply:
        """Adds an item to a list, which an absent key begins."""
        reply: api.AppendReply = await self._call("append", request, context)
        return reply

    async def Get(self, request: api.GetRequest, context: Any) -> api.GetReply:
        """What a key holds."""
        reply: api.GetReply = await self._call("get", request, context)
        return reply

    async def Keys(self, request: api.KeysRequest, context: Any) -> api.KeysReply:
        """The keys that begin with a prefix."""
        reply: api.KeysReply = await self._call("keys", request, context)
        return reply

    async def Status(self, request: api.StatusRequest, context: Any) -> api.StatusReply:
        """What this peer knows of itself."""
        _, told = await self._ask(context, child.STATUS, lambda: bytes((request.digest,)))
        status = await self._readable(context, lambda: loads(bytes(told)) | {"front_pid": getpid()})
        return api.StatusReply(json=dumps(status, separators=(",", ":")))

    async def _call(self, name: str, request: Any, context: Any) -> Any:
        """A call of the map: its body to the executable, its answer back."""
        call = kv.CALLS[name]
        size, caller = request.ByteSize(), _caller(request)
        index, answer = await self._ask(context, call.verb(request), lambda: call.body(request), caller, size)
        return await self._readable(context, lambda: call.read(index, answer))

    async def _ask(
        self,
        context: Any,
        verb: bytes,
        body: Callable[[], bytes],
        caller: tuple[int, int, int] | None = None,
        size: int = 0,
    ) -> tuple[int, memoryview]:
        """Puts a request to the executable and waits for its answer: the index and what follows it."""
        self._begun(context)
        try:
            self._admit(size)  # before the body is made: what is refused costs no memory
            future: asyncio.Future[tuple[int, bytes | memoryview]] = asyncio.get_running_loop().create_future()

            def answered(status: int, told: bytes | memoryview) -> None:
                if not future.done():  # the client may have given up
                    future.set_result((status, told))

            self._child.send(self._child.request(caller, verb, body(), answered))
            status, told = await future
            done: tuple[int, memoryview] = await self._readable(context, lambda: _done(status, told))
            return done
        except Failed as failed:
            await context.abort(failed.code, failed.text)
            raise  # abort has raised

    async def _readable(self, context: Any, read: Callable[[], Any]) -> Any:
        """What is read from the executable's answer, which this version may not understand."""
        try:
            return read()
        except (Malformed, ValueError, TypeError) as error:
            log.error(f"an answer of the executable does not read: {error}")
            return await context.abort(Code.INTERNAL, "the executable's answer does not read")

    def _begun(self, context: Any) -> None:
        self._taken += 1
        self._open += 1
        context.add_done_callback(self._over)

    def _over(self, _: Any) -> None:
        self._open -= 1

    async def settle(self) -> None:
        """Ends the pipelines, and returns once all is answered and no call has come for a moment."""
        for reading in self._readings:
            reading.cancel()  # their clients may never end them
        before = -1
        while self._open or self._taken != before:
            before = self._taken
            await asyncio.sleep(MOMENT_S)

    def _admit(self, size: int) -> None:
        if size > REQUEST_MAX:
            raise Failed(child.TOO_LARGE, "a request may have 4 MiB")
        if self.is_draining:
            raise _draining()
        if self._child.gone.is_set():
            raise Failed(child.GONE, "the executable died")
        if self._child.is_full:
            raise Failed(child.FULL, "the executable reads too slowly, try again later")

    # ---- many calls ----

    async def Pipeline(self, batches: AsyncIterator[api.Requests], context: Any) -> AsyncIterator[api.Replies]:
        """Many calls on one stream; what is answered while a write is under way is the next message."""
        self._begun(context)
        stream = _Pipeline(self._child, self._admit)
        reading = asyncio.ensure_future(stream.read(batches))
        self._readings.add(reading)
        try:
            while (replies := await stream.next()) is not None:
                yield replies
            if reading.cancelled():
                draining = _draining()
                await context.abort(draining.code, draining.text)
        finally:
            self._readings.discard(reading)
            reading.cancel()


class _Pipeline:
    """The state of one stream of many calls."""

    def __init__(self, executable: Child, admit: Callable[[int], None]) -> None:
        self._child, self._admit = executable, admit
        self._replies: list[api.Reply] = []
        self._in_flight = 0
        self._ended = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    async def read(self, batches: AsyncIterator[api.Requests]) -> None:
        """Puts each message's requests to the executable with one write."""
        try:
            async for batch in batches:
                self._child.send(b"".join([self._chunk(request) for request in batch.requests]))
                while self._in_flight + len(self._replies) >= PIPELINE_MAX:
                    self._room.clear()
                    await self._room.wait()
        finally:
            self._ended = True
            self._wake.set()

    def _chunk(self, request: api.Request) -> bytes:
        """The chunk of one request; none if it is refused here."""
        name, ticket = request.WhichOneof("call"), request.ticket
        try:
            self._admit(request.ByteSize())
            if name is None:
                raise Failed(child.INVALID, "a request without a call")
        except Failed as failed:
            self._reply(_failure(ticket, failed))
            return b""
        inner, call = getattr(request, name), kv.CALLS[name]
        self._in_flight += 1

        def answered(status: int, told: bytes | memoryview) -> None:
            self._in_flight -= 1
            try:
                index, answer = _done(status, told)
                self._reply(api.Reply(ticket=ticket, **{name: call.read(index, answer)}))
            except Failed as failed:
                self._reply(_failure(ticket, failed))
            except Malformed as error:
                log.error(f"an answer of the executable does not read: {error}")
                self._reply(api.Reply(ticket=ticket, failure=api.Failure(code=Code.INTERNAL.value[0])))

        return self._child.request(_caller(inner), call.verb(inner), call.body(inner), answered)

    def _reply(self, reply: api.Reply) -> None:
        self._replies.append(reply)
        self._wake.set()

    async def next(self) -> api.Replies | None:
        """The replies that have gathered; none when the stream is at its end."""
        while not self._replies:
            if self._ended and self._in_flight == 0:
                return None
            self._wake.clear()
            await self._wake.wait()
        replies, self._replies = self._replies, []
        self._room.set()
        return api.Replies(replies=replies)


def _draining() -> Failed:
    return Failed(child.DRAINING, "retry another peer")


def _caller(request: Any) -> tuple[int, int, int] | None:
    """Who a command is applied once for, if anyone is named."""
    if "caller" not in request.DESCRIPTOR.fields_by_name or not request.HasField("caller"):
        return None
    caller = request.caller
    return caller.session, caller.sequence, caller.low


def _done(status: int, told: bytes | memoryview) -> tuple[int, memoryview]:
    """The index and what follows it, of a request that was done."""
    if status == child.DONE:
        index, at = read_varint(told, 0)
        return index, memoryview(told)[at:]
    if status not in FAILURES:
        raise Malformed("a status is unknown")
    raise Failed(status, bytes(told).decode(errors="replace"))


def _failure(ticket: int, failed: Failed) -> api.Reply:
    return api.Reply(ticket=ticket, failure=api.Failure(code=failed.code.value[0], message=failed.text))
