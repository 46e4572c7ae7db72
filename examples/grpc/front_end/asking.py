"""How a client asks: each peer in turn, from a random one, 1 s each, 5 s in all; a write once, under a session.

::

    open a session --> write (session, 1, 1) --peer a--> no answer
                                             --peer b--> applied once, whoever was asked how often
    5 s gone: each peer is asked for its status, to say why
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from json import loads
from pathlib import Path
from typing import Any

import api_pb2 as api
import api_pb2_grpc
import grpc

from .link import CHANNEL
from .places import Refusal, is_address, read_peers

TRY_S = 1.0
PATIENCE_S = 5.0
_PAUSE_S = 0.05

CERTAINLY_NOT = ("draining:", "full:", "failed to connect")
"""How the details of a failure begin that is certain not to have applied the write."""


class NoAnswer(Exception):
    """Gave up: the lines that say why; exit code 75."""


def addresses(named: str) -> list[str]:
    """The peers that a file like peers.yml, or `host:port,host:port`, names."""
    listed = [part.strip() for part in named.split(",") if part.strip()]
    if listed and all(is_address(part) for part in listed):
        return listed
    return read_peers(Path(named))


class Cluster:
    """The peers, as a client reaches them."""

    def __init__(self, peers: list[str]) -> None:
        self.peers = peers
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._said: dict[str, str] = {}
        self._was_sent = False

    def stub(self, address: str) -> Any:
        """The service of one peer, over a channel that is kept."""
        if address not in self._channels:
            options = [("grpc.max_receive_message_length", 16 << 20), *CHANNEL]
            self._channels[address] = grpc.aio.insecure_channel(address, options=options)
        return api_pb2_grpc.KvStub(self._channels[address])

    async def close(self) -> None:
        """Closes all channels: a loop must not end before them."""
        for channel in self._channels.values():
            await channel.close()

    async def read(self, method: str, request: Any) -> Any:
        """Asks until a peer answers."""
        return await self._ask(method, request, time.monotonic() + PATIENCE_S, "")

    async def write(self, method: str, make: Callable[[api.Caller], Any]) -> Any:
        """Opens a session and asks until a peer has applied the write, once."""
        deadline = time.monotonic() + PATIENCE_S
        session = await self._ask("Open", api.Empty(), deadline, "; the write was not sent")
        request = make(api.Caller(session=session.session, sequence=1, low=1))
        return await self._ask(method, request, deadline, "; the write was not sent", writes=True)

    async def _ask(self, method: str, request: Any, deadline: float, fate: str, writes: bool = False) -> Any:
        first = random.randrange(len(self.peers))
        turn = 0
        while (left := deadline - time.monotonic()) > 0:
            address = self.peers[(first + turn) % len(self.peers)]
            try:
                return await getattr(self.stub(address), method)(request, timeout=min(TRY_S, left))
            except grpc.aio.AioRpcError as error:
                details = error.details() or ""
                self._said[address] = details
                if writes and not details.startswith(CERTAINLY_NOT):
                    fate = "; the write may or may not have happened"
                if error.code() == grpc.StatusCode.INVALID_ARGUMENT:
                    raise Refusal(details) from None
                if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                    raise NoAnswer(f"{details}{fate}") from None
            turn += 1
            if turn % len(self.peers) == 0:
                await asyncio.sleep(min(_PAUSE_S, max(0.0, deadline - time.monotonic())))
        raise NoAnswer(await self._why(fate))

    # ---- what the peers say of themselves ----

    async def statuses(self, digest: bool = False) -> list[dict[str, Any] | None]:
        """Each peer's status, in order of the list; none of a peer that did not answer within a second."""
        return list(await asyncio.gather(*(self._status(address, digest) for address in self.peers)))

    async def _status(self, address: str, digest: bool) -> dict[str, Any] | None:
        try:
            reply = await self.stub(address).Status(api.StatusRequest(digest=digest), timeout=TRY_S)
            told = loads(reply.json)
            return told if isinstance(told, dict) else None
        except grpc.aio.AioRpcError as error:
            self._said[address] = error.details() or error.code().name.lower()
            return None

    async def _why(self, fate: str) -> str:
        """Why there was no answer, peer by peer."""
        full = next((said for said in self._said.values() if said.startswith("full:")), None)
        statuses = await self.statuses()
        up = sum(status is not None for status in statuses)
        width = max(map(len, self.peers))
        lines = [f"{full}{fate}" if full else f"no answer within {PATIENCE_S:.1f} s{fate}"]
        for address, status in zip(self.peers, statuses, strict=True):
            said = _refusal(self._said.get(address, "")) if status is None else _standing(status, alone=up == 1)
            lines.append(f"  {address:<{width}}  {said}")
        return "\n".join([*lines, self.hint()])

    def hint(self) -> str:
        """What to do about a cluster that does not answer."""
        count, need = len(self.peers), len(self.peers) // 2 + 1
        must = f"{_word(need).capitalize()} of {_word(count)} peers" if count > 1 else "The peer"
        return f"Is the cluster running? {must} must be up. Start one with: python3 examples/grpc/cluster.py"

    def refusals(self) -> list[str]:
        """What stood in the way of each peer that did not answer."""
        return [_refusal(self._said.get(address, "")) for address in self.peers]


def _standing(status: dict[str, Any], alone: bool) -> str:
    """Why a peer that is up could not help."""
    who = f"peer {status.get('id')}"
    role, term, leader = status.get("role"), status.get("term"), status.get("leader")
    if leader is None:
        hears = "; it hears nobody" if alone else ""
        return f"no leader known ({who} is a {role} in term {term}{hears})"
    if role == "leader":
        return f"{who} leads term {term}, but did not answer in time"
    return f"{who} follows {leader} in term {term}, but did not answer in time"


def _refusal(details: str) -> str:
    """What gRPC says of a peer that cannot be reached, in few words."""
    for sign, words in (
        ("Connection refused", "connection refused"),
        ("No route to host", "no route to host"),
        ("Network is unreachable", "network is unreachable"),
        ("DNS resolution failed", "no such host"),
        ("Deadline Exceeded", f"no answer within {TRY_S:.0f} s"),
        ("imeout", f"no answer within {TRY_S:.0f} s"),
    ):
        if sign in details:
            return words
    return " ".join(details.split()) or "no answer"


def _word(number: int) -> str:
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[number] if number < len(words) else str(number)
