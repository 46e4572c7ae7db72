"""The barest front end of this design, beside the real one: how much of what is possible does `peer.py` reach?

    --ping, --flood --pipe--> bare | real ==gRPC==> bare | real --pipe--> --echo       and bare with plain TCP for gRPC

It has no Kv, no drain, no limits. A slow ceiling would prove nothing, so it is held against plain asyncio TCP itself.
The three take turns, and medians are compared.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import harness
from harness import Cluster, Program, script

import api_pb2 as api
import api_pb2_grpc
import grpc

from front_end.framing import head, split

TURNS = int(os.environ.get("RSM_TURNS", "5"))


class Bare(api_pb2_grpc.PeersServicer):
    """The child's pipes, one stream out, one stream in."""

    def __init__(self, me: int, addresses: list[str], executable: str) -> None:
        members = ",".join(f"{id}={address}" for id, address in enumerate(addresses))
        command = [executable, "--id", str(me), "--members", members, "--dir", "none"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert child.stdin is not None and child.stdout is not None
        self.stdin, self.stdout = child.stdin.fileno(), child.stdout.fileno()
        self.mine, self.other = addresses[me], addresses[1 - me]
        self.tail, self.queue, self.wake = b"", list[bytes](), asyncio.Event()
        os.write(self.stdin, head(0, 5) + b"rsm1\1")

    def on_readable(self) -> None:
        """Files the packets of one read."""
        data = os.read(self.stdout, 1 << 20)
        if not data:
            os._exit(0)
        data = self.tail + data
        bounds, end = split(data)
        self.tail = data[end:]
        self.queue += [data[start + 2 : end] for start, end in bounds if data[start] == 1]
        self.wake.set()

    async def gathered(self) -> bytes:
        """What has gathered since the last time."""
        while not self.queue:
            self.wake.clear()
            await self.wake.wait()
        batch, self.queue = b"".join(self.queue), []
        return batch

    def take(self, batch: bytes) -> None:
        """A batch from the other side, unread, to the child."""
        os.writev(self.stdin, [head(1, len(batch)), batch])

    async def Packets(self, batches: AsyncIterator[api.Batch], context: object) -> api.Empty:
        """The other's stream."""
        async for batch in batches:
            self.take(batch.packets)
        return api.Empty()

    async def over_grpc(self) -> None:
        """Two streams of gRPC."""
        server = grpc.aio.server()
        api_pb2_grpc.add_PeersServicer_to_server(self, server)
        server.add_insecure_port(self.mine)
        await server.start()
        call = api_pb2_grpc.PeersStub(grpc.aio.insecure_channel(self.other)).Packets(wait_for_ready=True)
        asyncio.get_running_loop().add_reader(self.stdout, self.on_readable)
        while True:
            await call.write(api.Batch(packets=await self.gathered()))

    async def over_tcp(self) -> None:
        """Two connections, each batch behind four bytes of length."""

        async def taken(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            while True:
                length = int.from_bytes(await reader.readexactly(4), "little")
                self.take(await reader.readexactly(length))

        host, port = self.mine.split(":")
        await asyncio.start_server(taken, host, int(port))
        host, port = self.other.split(":")
        harness.wait(lambda: not socket.socket().connect_ex((host, int(port))), 10.0, "the other side")
        _, writer = await asyncio.open_connection(host, int(port))
        asyncio.get_running_loop().add_reader(self.stdout, self.on_readable)
        while True:
            batch = await self.gathered()
            writer.write(len(batch).to_bytes(4, "little") + batch)
            await writer.drain()


async def bare(kind: str, me: str, addresses: str, executable: str) -> None:
    """Runs one bare front end until its child leaves."""
    front = Bare(int(me), addresses.split(","), executable)
    await (front.over_tcp() if kind == "tcp" else front.over_grpc())


def measured(kind: str, ends: tuple[Path, Path]) -> tuple[int, int]:
    """Microseconds of a lone round trip, and packets of 100 B per second, through a pair of front ends."""
    with Cluster(2, executable=ends[0], start=False) as cluster:
        programs = []
        for peer, executable in zip(cluster.peers, ends, strict=True):
            if kind == "real":
                programs.append(peer.start("--executable", str(executable), listening=False).program)
            else:
                words = [kind, str(peer.id), ",".join(cluster.addresses), str(executable)]
                programs.append(Program([sys.executable, __file__, *words]))
        try:
            lone = programs[0].hear(r"ping 100 B: p50 (\d+) us", 30.0)[1]
            return int(lone), int(programs[0].hear(r"flood 100 B: (\d+) packets/s", 30.0)[1])
        finally:
            for program in programs:
                program.end()


class Ceiling(harness.Test):
    """At least half of what can be had."""

    def test_the_real_front_end_reaches_half_of_the_ceiling_and_the_ceiling_is_no_cellar(self) -> None:
        child = harness.real_executable()
        figures: dict[str, list[tuple[int, int]]] = {"bare": [], "real": [], "tcp": []}
        with script(child, "--ping", "100", "--flood", "100") as ping, script(child, "--echo") as echo:
            for _ in range(TURNS):
                for kind, taken in figures.items():
                    taken.append(measured(kind, (ping, echo)))
        lone = {kind: statistics.median(us for us, _ in taken) for kind, taken in figures.items()}
        flood = {kind: statistics.median(rate for _, rate in taken) for kind, taken in figures.items()}
        for kind, taken in figures.items():
            print(f"{kind}: lone p50 {lone[kind]:.0f} us, flood {flood[kind]:,.0f}/s   of {sorted(taken)}")
        self.assertLessEqual(lone["real"], lone["bare"] / 0.5)
        self.assertGreaterEqual(flood["real"], 0.5 * flood["bare"])
        self.assertLessEqual(lone["bare"], 5 * lone["tcp"])
        self.assertGreaterEqual(flood["bare"], 0.4 * flood["tcp"])


if __name__ == "__main__":
    asyncio.run(bare(*sys.argv[1:])) if len(sys.argv) == 5 else harness.main()
