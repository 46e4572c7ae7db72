"""Damage: what is no packet of this cluster is dropped and counted, and a pipe out of step ends its peer."""

from __future__ import annotations

import collections
import itertools
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import harness
from harness import Cluster, wait

import api_pb2 as api
import api_pb2_grpc
import grpc

sys.path.insert(0, str(harness.ROOT / "tests" / "golden"))

import encode

REASONS = {
    "checksum": "a wrong checksum",
    "cluster": "another cluster or another member",
    "incarnation": "another life of a member",
    "version": "an unknown version",
    "kind": "an unknown kind",
    "malformed": "a broken format",
    "full": "a full inbox",
}
HEAD = 4 + 4 + 3 * 8
"""The checksum; version, flags, two zeros; the cluster, both incarnations. Group, sender, receiver follow."""


def messages(packet: bytes) -> bytes:
    """A golden packet without its head."""
    at = HEAD
    for _ in range(3):
        while packet[at] & 0x80:
            at += 1
        at += 1
    return packet[at:]


class Envelope:
    """Makes packets that one peer of a cluster takes for those of another: but for what is changed."""

    def __init__(self, cluster: int, from_life: int, to_life: int, source: int, target: int) -> None:
        self.fields = {
            "version": 1, "flags": 1, "zero": 0, "cluster": cluster, "from_life": from_life, "to_life": to_life,
            "group": 0, "source": source, "target": target,
        }  # fmt: skip

    def packet(self, body: bytes, **changed: int) -> bytes:
        """A packet with these messages, and a checksum that fits."""
        f = self.fields | changed
        rest: bytes = encode.u8(f["version"]) + encode.u8(f["flags"]) + encode.u16(f["zero"])
        rest += encode.u64(f["cluster"]) + encode.u64(f["from_life"]) + encode.u64(f["to_life"])
        rest += encode.varint(f["group"]) + encode.varint(f["source"]) + encode.varint(f["target"]) + body
        crc: bytes = encode.u32(encode.crc32c(rest))
        return crc + rest


def flipped(packet: bytes) -> Iterator[bytes]:
    """The packet with each of its bits flipped, one at a time."""
    for bit in range(8 * len(packet)):
        damaged = bytearray(packet)
        damaged[bit // 8] ^= 1 << bit % 8
        yield bytes(damaged)


class Writer:
    """A client that puts without a pause, through each peer in turn; every put must succeed.

    Those through ``mortal`` may also fail as a client may retry.
    """

    RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

    def __init__(self, cluster: Cluster, mortal: int | None = None) -> None:
        self._cluster, self._mortal = cluster, mortal
        self._stop = threading.Event()
        self.acknowledged = collections.Counter[int]()
        self.failed = 0
        self._pool = ThreadPoolExecutor(1)
        self._running = self._pool.submit(self._run)

    def _run(self) -> None:
        for n in itertools.count():
            if self._stop.is_set():
                return
            peer = n % len(self._cluster.peers)
            try:
                self._cluster.stub(peer).Put(api.PutRequest(key=b"a", value=b"%d" % n), timeout=5.0)
                self.acknowledged[peer] += 1
            except grpc.RpcError as error:
                if peer != self._mortal or error.code() not in self.RETRYABLE:
                    raise
                self.failed += 1

    def count(self, but: int | None = None) -> int:
        """How many puts are acknowledged, without those through one peer."""
        if self._running.done():
            self._running.result()  # a put that failed is not waited for
        return sum(self.acknowledged[peer] for peer in range(len(self._cluster.peers)) if peer != but)

    def wait(self, more: int, within: float, but: int | None = None) -> None:
        """Waits for so many more."""
        before = self.count(but)
        wait(lambda: self.count(but) >= before + more, within, lambda: f"{more} puts\n{self._cluster.text()}")

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        self._running.result()


class Damage(harness.Test):
    """Within whole chunks nothing is fatal; where a chunk begins nothing is forgiven."""

    def refused(self, cluster: Cluster) -> dict[str, int]:
        """What peer 0 has refused so far, by reason."""
        status = cluster.status(0)
        assert status is not None
        return dict(status["refused"])

    def inject(self, cluster: Cluster, packets: list[bytes], torn: bytes = b"") -> None:
        """Sends packets to peer 0, as any stranger may."""
        batches = (packets[at : at + 500] for at in range(0, len(packets), 500))
        joined = [api.Batch(packets=b"".join(map(encode.sized, batch))) for batch in batches]
        joined += [api.Batch(packets=torn)] if torn else []
        with grpc.insecure_channel(cluster.addresses[0]) as channel:
            api_pb2_grpc.PeersStub(channel).Packets(iter(joined), timeout=30)

    def test_packets_that_are_damaged_or_not_for_us_are_dropped_and_counted_exactly(self) -> None:
        with Cluster(3, "--log-level", "debug") as cluster:
            cluster.leader()
            lives = [int(peer.program.hear(r"incarnation is ([0-9a-f]{16})$")[1], 16) for peer in cluster.peers]
            status = cluster.status(0)
            assert status is not None
            envelope = Envelope(int(status["cluster"], 16), lives[1], lives[0], source=1, target=0)
            bodies = {
                name: messages(vector) for name, vector in encode.wire() if name != "append"
            }  # `two` has one, too
            damaged = [bad for body in bodies.values() for bad in flipped(envelope.packet(body))]
            body = bodies["heartbeat"]
            life = lives[1] ^ 1
            strange = {
                "cluster": [
                    envelope.packet(body, cluster=7),
                    envelope.packet(body, target=2),
                    envelope.packet(body, group=1),
                    envelope.packet(body, source=9),
                ],
                "incarnation": [envelope.packet(body, to_life=lives[0] ^ 1), envelope.packet(body, from_life=life)],
                "version": [envelope.packet(body, version=2), envelope.packet(body, flags=3)],
                "kind": [envelope.packet(encode.message(99, b""))],
                "malformed": [envelope.packet(body[:-1])],
            }
            before = self.refused(cluster)
            rounds = 0
            with Writer(cluster) as writer:
                while writer.count() < 100:
                    self.inject(cluster, damaged)
                    for packets in strange.values():
                        self.inject(cluster, packets)
                    self.inject(cluster, [], torn=b"\x05four")
                    rounds += 1
            once = {reason: len(packets) for reason, packets in strange.items()}
            once |= {"checksum": len(damaged), "malformed": once["malformed"] + 1}
            expected = {reason: rounds * once.get(reason, 0) for reason in REASONS}  # no inbox is full

            def rose() -> dict[str, int]:
                return {reason: count - before[reason] for reason, count in self.refused(cluster).items()}

            wait(lambda: rose() == expected, 10.0, lambda: f"{expected}, but {rose()}\n{cluster.text()}")
            self.said_once_a_second(cluster, expected)
            for peer in cluster.peers:
                self.assertIsNone(peer.program.process.poll(), cluster.text())
                self.assertTrue(harness.is_running(peer.executable_pid))
            self.assertNotIn("panicked", cluster.text())

    def said_once_a_second(self, cluster: Cluster, counts: dict[str, int]) -> None:
        """Each reason has its lines, a second apart, which add up to what was counted."""
        program = cluster.peers[0].program
        for reason, count in counts.items():
            line = rf"^(\d\d):(\d\d):(\d\d\.\d+) (\d+) dropped: {REASONS[reason]}$"

            def said(line: str = line) -> list[re.Match[str]]:
                return [match for text in program.lines if (match := re.search(line, text))]

            wait(partial(self.add_up_to, said, count), 5.0, program.text)
            times = [3600 * int(m[1]) + 60 * int(m[2]) + float(m[3]) for m in said()]
            apart = [later - earlier for earlier, later in pairwise(times)]
            self.assertTrue(all(seconds >= 0.99 for seconds in apart), f"{reason}: {times}")

    def add_up_to(self, said: Callable[[], list[re.Match[str]]], count: int) -> bool:
        """Whether lines tell of so many."""
        return sum(int(match[4]) for match in said()) == count

    def test_a_pipe_out_of_step_ends_its_peer_and_the_others_commit_throughout(self) -> None:
        for name, garbage in (("zero", b"\0garbage"), ("2^63 bytes", b"\x80" * 9 + b"\x01")):
            with self.subTest(name), Cluster(3) as cluster:
                victim = cluster.leader()
                with Writer(cluster, mortal=victim) as writer:
                    writer.wait(20, 10.0)
                    self.put_out_of_step(cluster.peers[victim], garbage)
                    writer.wait(20, 10.0, but=victim)
                    cluster.peers[victim].start()
                    writer.wait(20, 10.0)
                cluster.agreed()

    def put_out_of_step(self, peer: harness.Peer, garbage: bytes) -> None:
        """Writes to a peer's pipe what is no chunk; it says one line and ends, and so does its front end."""
        program, before = peer.program, len(peer.program.lines)
        # A write that fits the pipe is whole, and so are the front end's: this stands where a chunk begins.
        pipe = os.open(f"/proc/{peer.executable_pid}/fd/0", os.O_WRONLY)
        os.write(pipe, garbage)
        os.close(pipe)
        self.assertEqual(program.wait(5.0), 70, program.text())
        said = [line for line in program.lines[before:] if "hears no leader" not in line]
        self.assertEqual(len(said), 2, said)
        self.assertRegex(said[0], r"^\S+ the framing of stdin is lost: ")
        end = f"peer {peer.id}: executable ended with exit code 3; see the lines above"
        self.assertEqual(said[1], end)


if __name__ == "__main__":
    harness.main()
