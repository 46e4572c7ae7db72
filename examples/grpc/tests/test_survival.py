"""The main job: a real cluster loses its leader under load, and everything else, but no acknowledged write."""

from __future__ import annotations

import collections
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import harness
from harness import Cluster, Code, wait

import api_pb2 as api
import grpc

RETRYABLE = {Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED}


class Load:
    """Clients that append unique numbers to lists, each in a session of its own, until each is acknowledged."""

    LISTS = 8

    def __init__(self, cluster: Cluster, clients: int, numbers: int, twice_every: int = 0, first: int = 0) -> None:
        self._cluster = cluster
        self._first, self._numbers, self._clients, self._twice_every = first, numbers, clients, twice_every
        self.peers = [peer.id for peer in cluster.peers]
        self._stop, self._abandon = threading.Event(), threading.Event()
        self._counted = threading.Lock()
        self.acknowledged: set[int] = set()
        self.errors: collections.Counter[tuple[grpc.StatusCode, str | None]] = collections.Counter()
        self._pool = ThreadPoolExecutor(clients)
        self._running = [self._pool.submit(self._client, client) for client in range(clients)]

    def wait(self, number: int, within: float) -> None:
        """Waits until so many are acknowledged."""

        def enough() -> bool:
            for running in self._running:
                if running.done():
                    running.result()  # a client that failed is not waited for
            return len(self.acknowledged) >= number

        wait(enough, within, lambda: f"{number} acknowledged, but {len(self.acknowledged)}\n{self._cluster.text()}")

    def finish(self, within: float = 60.0) -> None:
        """Waits until all are acknowledged."""
        self.wait(self._numbers, within)
        self._pool.shutdown()

    def stop(self) -> None:
        """Ends the clients, each after the number it has begun."""
        self._stop.set()
        for running in self._running:
            running.result()
        self._pool.shutdown()

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._abandon.set()
        self._pool.shutdown()

    def _client(self, client: int) -> None:
        draws = random.Random(client)
        session = self._until_done(draws, lambda stub: stub.Open(api.Empty(), timeout=1.0)).session
        numbers = range(self._first + client, self._first + self._numbers, self._clients)
        for sequence, number in enumerate(numbers, 1):
            if self._stop.is_set():
                return
            caller = api.Caller(session=session, sequence=sequence, low=sequence)
            key = b"list-%d" % (number % self.LISTS)
            request = api.AppendRequest(caller=caller, key=key, item=b"%d" % number)
            if self._twice_every and number % self._twice_every == 0:
                self._to_two(draws, request)
            self._until_done(draws, partial(append, request))
            with self._counted:
                self.acknowledged.add(number)

    def _to_two(self, draws: random.Random, request: api.AppendRequest) -> None:
        """To two peers at once, whatever comes of it."""
        peers = draws.sample(range(len(self._cluster.peers)), 2)
        for call in [self._cluster.stub(peer).Append.future(request, timeout=1.0) for peer in peers]:
            call.exception()

    def _until_done(self, draws: random.Random, call: Callable[[Any], Any]) -> Any:
        """Calls random peers until one has done it."""
        while True:
            try:
                return call(self._cluster.stub(draws.choice(self.peers)))
            except grpc.RpcError as error:
                self.errors[(error.code(), error.details())] += 1
                if error.code() not in RETRYABLE:
                    raise
                if self._abandon.wait(0.02):
                    raise


def append(request: api.AppendRequest, stub: Any) -> Any:
    """The call, a second long."""
    return stub.Append(request, timeout=1.0)


def lists(cluster: Cluster, peer: int, stale: bool = False) -> collections.Counter[int]:
    """How often each number stands in the lists, as a peer says."""
    found: collections.Counter[int] = collections.Counter()
    for n in range(Load.LISTS):
        request = api.GetRequest(key=b"list-%d" % n, stale=stale)
        # A channel that found nobody there before may rest until it tries again: that fails no call here.
        got = cluster.stub(peer).Get(request, timeout=5.0, wait_for_ready=True)
        found.update(int(item) for item in got.list.items)
    return found


def leaders(cluster: Cluster) -> collections.Counter[str]:
    """How many peers have led each term, by their lines."""
    said = (
        line.split(" leader of term ")[1].split()[0]
        for line in cluster.text().splitlines()
        if " leader of term " in line
    )
    return collections.Counter(said)


class Survival(harness.Test):
    """Of what was acknowledged, whatever dies."""

    def holds_exactly(self, cluster: Cluster, acknowledged: set[int]) -> None:
        """Every peer holds each acknowledged number once, and nothing twice."""
        cluster.agreed()
        for peer in cluster.peers:
            found = lists(cluster, peer.id, stale=True)
            self.assertEqual([number for number, count in found.items() if count > 1], [], "twice")
            self.assertEqual(acknowledged - set(found), set(), "lost")
        self.assertEqual(
            {term for term, count in leaders(cluster).items() if count > 1}, set(), "two leaders in a term"
        )

    def test_ten_thousand_appends_survive_the_leader_then_all_three(self) -> None:
        with Cluster(3) as cluster:
            cluster.leader(within=2.0)
            with Load(cluster, clients=8, numbers=10_000, twice_every=100) as load:
                load.wait(3_000, 60.0)
                leader = cluster.leader()
                status = cluster.status(leader)
                assert status is not None
                before = len(load.acknowledged)
                cluster.peers[leader].kill()
                successor = cluster.leader(within=3.0, above=status["term"])
                self.assertNotEqual(successor, leader)
                load.finish()
                self.assertGreaterEqual(len(load.acknowledged) - before, 3_000)
            cluster.peers[leader].start()
            self.holds_exactly(cluster, set(range(10_000)))
            with Load(cluster, clients=8, numbers=3_000, first=10_000) as load:
                load.wait(500, 30.0)
                for peer in cluster.peers:
                    for pid in (peer.executable_pid, peer.program.pid):
                        os.kill(pid, signal.SIGKILL)
                for peer in cluster.peers:
                    peer.program.wait()
                kept = set(load.acknowledged)
                self.assertLess(len(kept), 3_000, "killed under load")
                cluster.start()
                cluster.leader()
                self.assertEqual(kept - set(lists(cluster, 0)), set(), "lost")
                load.finish()
                self.assertNotEqual(load.errors, {}, "and the clients have tried again")
            self.holds_exactly(cluster, set(range(13_000)))
            self.assertEqual(sum(lists(cluster, 0).values()), 13_000)

    def test_a_peer_far_behind_installs_a_snapshot(self) -> None:
        with Cluster(3, "--snapshot-every", "500") as cluster:
            behind = (cluster.leader() + 1) % 3
            cluster.peers[behind].kill()
            leader = cluster.leader()
            # More bytes than a leader has on their way to one peer: what it sent before it cut its log does not do.
            values = [b"%d" % n + bytes(4_096) for n in range(2_500)]
            puts = [
                api.Request(ticket=n, put=api.PutRequest(key=b"k%d" % (n % 50), value=value))
                for n, value in enumerate(values)
            ]
            batches = (api.Requests(requests=puts[at : at + 100]) for at in range(0, len(puts), 100))
            replies = [reply for batch in cluster.stub(leader).Pipeline(batches, timeout=60) for reply in batch.replies]
            self.assertEqual({reply.WhichOneof("result") for reply in replies}, {"put"})

            # It keeps more for who has answered within an election timeout, and cuts when a snapshot is marked.
            def has_cut() -> bool:
                for n in range(100):
                    cluster.stub(leader).Put(api.PutRequest(key=b"k%d" % (n % 50), value=b"later"), timeout=5.0)
                status = cluster.status(leader)
                return status is not None and status["first"] > 1_000

            wait(has_cut, 20.0, "the leader has cut its log")
            cluster.peers[behind].start()
            statuses = {status["id"]: status for status in cluster.agreed(within=20.0)}
            self.assertGreaterEqual(statuses[behind]["snapshots_installed"], 1)
            cluster.peers[behind].program.hear(r" snapshot at \d+ installed$")
            cluster.peers[behind].kill()
            cluster.peers[behind].start()
            cluster.agreed()

    def test_each_lone_put_is_synced_by_a_majority(self) -> None:
        with Cluster(3) as cluster:
            leader = cluster.leader()
            cluster.stub(leader).Put(api.PutRequest(key=b"first", value=b""), timeout=5.0)

            def syncs() -> dict[int, int]:
                return {status["id"]: status["syncs"] for status in cluster.statuses()}

            before = syncs()
            for n in range(100):
                cluster.stub(leader).Put(api.PutRequest(key=b"lone", value=b"%d" % n), timeout=5.0)
            raised = {id: after - before[id] for id, after in syncs().items()}
            self.assertGreaterEqual(raised.pop(leader), 100)
            self.assertGreaterEqual(sum(raised.values()), 100)

    def test_an_emptied_directory_is_told_apart_and_comes_back_with_its_contents(self) -> None:
        with Cluster(3) as cluster:
            lost = (cluster.leader() + 1) % 3
            others = ", ".join(str(peer.id) for peer in cluster.peers if peer.id != lost)
            stub = cluster.stub((lost + 1) % 3)
            stub.Put(api.PutRequest(key=b"a", value=b"1"), timeout=5.0)
            cluster.agreed()
            peer = cluster.peers[lost]
            peer.kill()
            kept = peer.directory.with_name("kept")
            peer.directory.rename(kept)
            peer.start()
            says = (
                f"peers {others} know another life of peer {lost}: its directory was emptied. It cannot come back "
                "before membership changes exist; put the directory back"
            )
            peer.program.hear(rf"^\S+ {says}$")
            for n in range(20):
                stub.Put(api.PutRequest(key=b"a", value=b"%d" % n), timeout=5.0)
            status = cluster.status(lost)
            assert status is not None
            self.assertEqual((status["role"], status["applied"]), ("newborn", 0))
            self.assertEqual({term for term, count in leaders(cluster).items() if count > 1}, set())
            peer.kill()
            shutil.rmtree(peer.directory)
            kept.rename(peer.directory)
            peer.start()
            cluster.agreed()

    def test_a_peer_that_is_told_to_leave_under_load_drains(self) -> None:
        with Cluster(3) as cluster:
            leaver = cluster.leader()
            with Load(cluster, clients=8, numbers=100_000) as load:
                load.wait(500, 30.0)
                peer = cluster.peers[leaver]
                peer.program.send(signal.SIGTERM)
                self.assertEqual(peer.program.wait(6.0), 0, peer.program.text())
                left = len(load.acknowledged)
                load.wait(left + 500, 30.0)
                load.stop()
            told = [(code, words or "") for code, words in load.errors if not harness.is_lost(code, words)]
            said = {(code, words.split(":")[0]) for code, words in told}
            clear = {
                (Code.UNAVAILABLE, "draining"), (Code.UNAVAILABLE, "gone"), (Code.DEADLINE_EXCEEDED, "unknown"),
                (Code.UNAVAILABLE, "failed to connect to all addresses; last error"),
                (Code.DEADLINE_EXCEEDED, "Deadline Exceeded"),
            }  # fmt: skip
            self.assertEqual(said - clear, set())
            peer.start()
            self.holds_exactly(cluster, load.acknowledged)

    def test_a_front_end_that_stands_still_for_ten_seconds_loses_no_reply(self) -> None:
        with Cluster(3) as cluster:
            stalled = cluster.leader()
            peer = cluster.peers[stalled]
            status = cluster.status(stalled)
            assert status is not None
            with Load(cluster, clients=8, numbers=200_000) as load:
                load.wait(500, 30.0)
                before = self.puts(cluster, stalled)
                peer.program.send(signal.SIGSTOP)
                self.addCleanup(peer.program.send, signal.SIGCONT)
                after = self.puts(cluster, stalled)
                wait(
                    lambda: self.leads(cluster, stalled, status["term"]),
                    5.0,
                    lambda: f"another leader\n{cluster.text()}",
                )
                load.peers.remove(stalled)  # who would keep each client waiting for a second
                sizes = []
                for second in range(11):
                    going = len(load.acknowledged)
                    load.wait(going + 100, 5.0)
                    self.assertTrue(self.leads(cluster, stalled, status["term"]), cluster.text())
                    if second >= 5:
                        sizes.append([harness.memory(pid) for peer in cluster.peers for pid in peer.pids])
                    threading.Event().wait(1.0)
                peer.program.send(signal.SIGCONT)
                load.stop()
            limits = 3 * (200 << 20, 128 << 20)  # front end, executable, front end, ..
            for held, limit in zip(zip(*sizes, strict=True), limits, strict=True):
                self.assertLess(max(held), limit, sizes)
                self.assertLess(max(held) - min(held), 8 << 20, f"flat: {sizes}")
            answers = [call.exception(timeout=30) for call in before + after]
            lost = [error for error in answers if error is not None and error.details() == "Deadline Exceeded"]
            self.assertEqual(lost, [], "each is answered, one way or the other")
            self.holds_exactly(cluster, load.acknowledged)

    def puts(self, cluster: Cluster, peer: int) -> list[Any]:
        """A hundred puts under way."""
        stub = cluster.stub(peer)
        return [stub.Put.future(api.PutRequest(key=b"stalled", value=b"%d" % n), timeout=30.0) for n in range(100)]

    def leads(self, cluster: Cluster, but: int, above: int) -> bool:
        """Whether another peer leads a later term."""
        told = [cluster.status(peer.id) for peer in cluster.peers if peer.id != but]
        return any(status is not None and status["role"] == "leader" and status["term"] > above for status in told)


if __name__ == "__main__":
    harness.main(together=False)
