"""The front end with a stand-in behind its pipes: what it answers, how it drains, and what it does when things die."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from unittest import mock

import harness
from harness import Cluster, Code, fake, is_running, memory, wait

import api_pb2 as api
import api_pb2_grpc
import grpc

from front_end import link

TIME = r"^\d\d:\d\d:\d\d\.\d{3} "


def put(key: str, value: str = "v") -> api.PutRequest:
    return api.PutRequest(key=key.encode(), value=value.encode())


def words(cluster: Cluster) -> list[str]:
    """The lines of peer 0 without their times."""
    return [line.split(" ", 1)[1] if line[:2].isdecimal() else line for line in cluster.peers[0].program.lines]


class Answers(harness.Test):
    """What clients get."""

    def test_each_status_of_the_executable_becomes_a_code_and_a_line(self) -> None:
        with fake() as cluster:
            stub = cluster.stub(0)
            for status, code, word in (
                (1, Code.RESOURCE_EXHAUSTED, "full"),
                (2, Code.INVALID_ARGUMENT, "too large"),
                (3, Code.UNAVAILABLE, "draining"),
                (4, Code.INVALID_ARGUMENT, "invalid"),
                (5, Code.FAILED_PRECONDITION, "expired"),
                (6, Code.DEADLINE_EXCEEDED, "unknown"),
            ):
                with self.subTest(word):
                    self.fails(code, f"{word}: as you wish", partial(stub.Put, put(f"status:{status}")))
            self.fails(Code.INTERNAL, "the executable's answer does not read", lambda: stub.Put(put("status:99")))
            self.assertEqual(stub.Put(put("a")).outcome, api.DONE)

    def test_each_call_of_the_service_reaches_the_map(self) -> None:
        with fake() as cluster:
            stub = cluster.stub(0)
            key = b"\xff\0key"
            session = stub.Open(api.Empty()).session
            caller = api.Caller(session=session, sequence=1, low=1)
            first = stub.Append(api.AppendRequest(caller=caller, key=key, item=b"i"))
            again = stub.Append(api.AppendRequest(caller=caller, key=key, item=b"i"))
            self.assertEqual(
                (first.outcome, first.items, again.items), (api.DONE, 1, 1), "under a session it is applied once"
            )
            self.assertEqual(stub.Append(api.AppendRequest(key=key, item=b"")).items, 2)
            self.assertEqual(list(stub.Get(api.GetRequest(key=key)).list.items), [b"i", b""])
            self.assertEqual(stub.Put(api.PutRequest(key=key)).outcome, api.WRONG_TYPE)
            self.assertEqual(stub.Delete(api.DeleteRequest(key=key)).outcome, api.DONE)
            self.assertEqual(stub.Delete(api.DeleteRequest(key=key)).outcome, api.NO_SUCH_KEY)
            put_at = stub.Put(put("a", "1")).index
            self.assertEqual(stub.Put(put("b")).index, put_at + 1)
            swap = stub.Cas(api.CasRequest(key=b"a", old=b"2", new=b"3"))
            self.assertEqual((swap.outcome, swap.found), (api.NOT_SWAPPED, b"1"))
            self.assertEqual(stub.Cas(api.CasRequest(key=b"a", old=b"1", new=b"")).outcome, api.DONE)
            got = stub.Get(api.GetRequest(key=b"a", stale=True))
            self.assertEqual((got.WhichOneof("value"), got.string), ("string", b""))
            self.assertEqual(list(stub.Keys(api.KeysRequest()).keys), [b"a", b"b"])
            self.assertEqual(list(stub.Keys(api.KeysRequest(prefix=b"b", stale=True)).keys), [b"b"])
            self.assertEqual(stub.Get(api.GetRequest(key=b"none")).outcome, api.NO_SUCH_KEY)
            unknown = api.Caller(session=999_999, sequence=1, low=1)
            self.fails(
                Code.FAILED_PRECONDITION, "expired: the session is unknown",
                lambda: stub.Put(api.PutRequest(caller=unknown, key=b"a")),
            )  # fmt: skip

    def test_status_names_both_processes(self) -> None:
        with fake() as cluster:
            status = cluster.status(0, digest=True)
            assert status is not None
            self.assertEqual(status["front_pid"], cluster.peers[0].program.pid)
            self.assertEqual(status["pid"], cluster.peers[0].executable_pid)
            self.assertEqual(status["digest"], "00000000")

    def test_the_executable_gets_its_settings_as_arguments(self) -> None:
        with fake(2, start=False) as cluster:
            cluster.peers[1].start("--snapshot-every", "7", "--log-level", "debug", "--first-boot", "00fa")
            status = cluster.status(1)
            assert status is not None
            members = f"0={cluster.addresses[0]},1={cluster.addresses[1]}"
            expected = {"--id": "1", "--members": members, "--dir": str(cluster.peers[1].directory)}
            expected |= {"--snapshot-every": "7", "--log-level": "debug", "--first-boot": "00fa"}
            self.assertEqual(status["arguments"], expected)

    def test_it_listens_where_it_is_told_to(self) -> None:
        with fake(2, start=False) as cluster:
            listed, elsewhere = cluster.addresses[0], f"127.0.0.1:{harness.free_port()}"
            cluster.peers[0].start("--listen", elsewhere).program.hear(f"{TIME}listening on {elsewhere}, ")
            self.assertIsNone(cluster.status(0), f"nobody is at {listed}")
            cluster.forget_channels()[0].close()
            cluster.addresses[0] = elsewhere
            self.assertEqual(cluster.stub(0).Put(put("a"), timeout=5.0).outcome, api.DONE)

    def test_a_request_over_four_mebibytes_is_too_large(self) -> None:
        with fake() as cluster:
            stub = cluster.stub(0)
            most = (4 << 20) - 16
            self.assertEqual(stub.Put(api.PutRequest(key=b"k", value=bytes(most))).outcome, api.DONE)
            large = api.PutRequest(key=b"k", value=bytes(most + 16))
            self.fails(Code.INVALID_ARGUMENT, "too large: a request may have 4 MiB", lambda: stub.Put(large))

    def test_a_pipeline_answers_each_request_under_its_ticket(self) -> None:
        with fake() as cluster:
            calls = [api.Request(ticket=n + 10, put=put(f"k{n}")) for n in range(1000)]
            calls += [api.Request(ticket=1, get=api.GetRequest(key=b"k7"))]
            calls += [api.Request(ticket=2, put=put("status:5")), api.Request(ticket=3)]
            batches = (api.Requests(requests=calls[at : at + 64]) for at in range(0, len(calls), 64))
            replies = [reply for batch in cluster.stub(0).Pipeline(batches, timeout=20) for reply in batch.replies]
            by_ticket = {reply.ticket: reply for reply in replies}
            self.assertEqual(sorted(by_ticket), [1, 2, 3, *range(10, 1010)])
            self.assertEqual(len(replies), len(calls), "each once")
            self.assertEqual(by_ticket[1].get.string, b"v")
            self.assertEqual({by_ticket[n + 10].put.outcome for n in range(1000)}, {api.DONE})
            expired, invalid = by_ticket[2].failure, by_ticket[3].failure
            self.assertEqual(
                (expired.code, expired.message), (Code.FAILED_PRECONDITION.value[0], "expired: as you wish")
            )
            self.assertEqual(
                (invalid.code, invalid.message), (Code.INVALID_ARGUMENT.value[0], "invalid: a request without a call")
            )

    def test_a_caller_who_gives_up_harms_nobody(self) -> None:
        with fake(habits="silent") as cluster:
            for _ in range(3):
                self.fails(
                    Code.DEADLINE_EXCEEDED, "Deadline Exceeded", lambda: cluster.stub(0).Put(put("a"), timeout=0.1)
                )
            cluster.peers[0].program.send(signal.SIGTERM)
            self.assertEqual(cluster.peers[0].program.wait(), 0)
            self.assertIn("draining, 3 tickets open", words(cluster))


class Drains(harness.Test):
    """How it ends when it is asked to."""

    def test_signals_and_the_end_of_stdin_drain_and_exit_with_0(self) -> None:
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "stdin"):
            with self.subTest(name), fake() as cluster:
                program = cluster.peers[0].program
                if name == "stdin":
                    assert program.process.stdin is not None
                    program.process.stdin.close()
                else:
                    program.send(signal.Signals[name])
                self.assertEqual(program.wait(3.0), 0)
                self.assertEqual(words(cluster)[-2:], ["draining, 0 tickets open", "drained, exit 0"])
                self.assertFalse(is_running(cluster.peers[0].executable_pid))

    def test_the_executable_is_out_of_reach_of_a_terminals_ctrl_c(self) -> None:
        with fake() as cluster:
            peer = cluster.peers[0]
            self.assertEqual(os.getsid(peer.executable_pid), peer.executable_pid)
            self.assertNotEqual(os.getsid(peer.program.pid), peer.executable_pid)

    def test_while_it_drains_clients_are_sent_elsewhere(self) -> None:
        with fake(habits="stay") as cluster:
            program, stub = cluster.peers[0].program, cluster.stub(0)
            stub.Put(put("a"))
            program.send(signal.SIGTERM)
            program.hear("draining, 0 tickets open")
            self.fails(Code.UNAVAILABLE, "draining: retry another peer", lambda: stub.Put(put("a")))
            replies = list(stub.Pipeline(iter([api.Requests(requests=[api.Request(ticket=7, put=put("a"))])])))
            self.assertEqual(replies[0].replies[0].failure.message, "draining: retry another peer")

    def test_calls_that_come_as_it_ends_are_sent_elsewhere_and_never_cancelled(self) -> None:
        with fake() as cluster:
            program, stub = cluster.peers[0].program, cluster.stub(0)
            stub.Put(put("a"))
            program.send(signal.SIGSTOP)
            program.send(signal.SIGTERM)
            calls = [
                stub.Put.future(put("a"), timeout=10.0) for _ in range(1000)
            ]  # they wait in its socket, and its end
            program.send(signal.SIGCONT)
            self.assertEqual(program.wait(), 0)
            errors = [error for call in calls if (error := call.exception()) is not None]
            said = {(error.code(), error.details()) for error in errors}
            answers = {(code, words) for code, words in said if not harness.is_lost(code, words)}
            self.assertLessEqual(answers, {(Code.UNAVAILABLE, "draining: retry another peer")})
            self.assertNotEqual(errors, [], "they have come too late")

    def test_a_pipeline_that_is_open_is_answered_and_ends(self) -> None:
        with fake() as cluster:
            program, over = cluster.peers[0].program, threading.Event()

            def requests() -> Iterator[api.Requests]:
                yield api.Requests(requests=[api.Request(ticket=7, put=put("a"))])
                over.wait(20)

            replies = cluster.stub(0).Pipeline(requests(), timeout=20)
            self.assertEqual(next(replies).replies[0].put.outcome, api.DONE)
            program.send(signal.SIGTERM)
            self.fails(Code.UNAVAILABLE, "draining: retry another peer", partial(next, replies))
            self.assertEqual(program.wait(), 0)
            over.set()

    def test_an_executable_that_does_not_leave_is_killed_within_five_seconds(self) -> None:
        with fake(habits="stay,lost") as cluster:
            program, stub = cluster.peers[0].program, cluster.stub(0)
            call = stub.Put.future(put("a"), timeout=10)
            self.assertIsNotNone(cluster.status(0), "which comes after it")
            began = time.monotonic()
            program.send(signal.SIGTERM)
            self.assertEqual(program.wait(6.0), 70)
            self.fails(Code.UNAVAILABLE, "gone: the executable died", call.result)
            self.assertLess(time.monotonic() - began, 5.5)
            self.assertEqual(words(cluster)[-1], "peer 0: executable ended with signal 9; see the lines above")

    def test_a_second_signal_ends_it_without_waiting_for_the_drain(self) -> None:
        with fake(habits="stay,silent") as cluster:
            program = cluster.peers[0].program
            program.send(signal.SIGTERM)
            program.hear("draining, 0 tickets open")
            began = time.monotonic()
            program.send(signal.SIGTERM)
            self.assertEqual(program.wait(6.0), 70)
            self.assertLess(time.monotonic() - began, 3.0, "stdin closed, 1 s, SIGTERM, 1 s, SIGKILL")

    def test_open_calls_are_answered_when_the_executable_leaves(self) -> None:
        with fake(habits="lost") as cluster:
            program, stub = cluster.peers[0].program, cluster.stub(0)
            calls = [stub.Put.future(put("a", str(n)), timeout=10) for n in range(40)]
            self.assertIsNotNone(cluster.status(0), "which comes after them")
            program.send(signal.SIGTERM)
            self.assertEqual(program.wait(), 0)
            said = {(error.code(), error.details()) for call in calls if (error := call.exception()) is not None}
            late = (Code.UNAVAILABLE, "draining: retry another peer")
            self.assertEqual(said - {late}, {(Code.UNAVAILABLE, "gone: the executable died")})


class Dies(harness.Test):
    """What happens when something dies or speaks nonsense."""

    def ends(self, habits: str, code: int, says: str | None) -> None:
        """`put boom` makes the stand-in do as its habit is; the front end ends so, and says so."""
        with self.subTest(habits), fake(habits=habits) as cluster:
            with self.assertRaises(grpc.RpcError) as raised:
                cluster.stub(0).Put(put("boom"), timeout=5)
            self.assertEqual(raised.exception.code(), Code.UNAVAILABLE)
            program = cluster.peers[0].program
            self.assertEqual(program.wait(5.0), code)
            said = words(cluster)
            self.assertEqual(said[1:], [] if says is None else [says])
            self.assertFalse(is_running(cluster.peers[0].executable_pid))

    def test_the_executables_end_is_told_and_passed_on(self) -> None:
        ended = "peer 0: executable ended with {}; see the lines above"
        self.ends("exit:0", 0, "drained, exit 0")
        self.ends("exit:1", 70, ended.format("exit code 1"))
        self.ends("exit:2", 2, None)
        self.ends("exit:3", 70, ended.format("exit code 3"))
        self.ends("exit:101", 70, ended.format("exit code 101"))
        self.ends("kill", 70, ended.format("signal 9"))

    def test_a_lost_framing_is_told_and_ends_both(self) -> None:
        lost = "peer 0: the executable does not speak the pipe's language: "
        self.ends("garbage", 70, f"{lost}a chunk of 0 bytes cannot be")
        self.ends("huge", 70, f"{lost}no chunk begins with 80 80 80 80")

    def test_an_executable_that_closes_its_stdout_but_lives_is_ended(self) -> None:
        self.ends("close", 70, "peer 0: executable ended with signal 15; see the lines above")

    def test_a_front_end_that_is_killed_leaves_no_executable(self) -> None:
        with fake() as cluster:
            peer = cluster.peers[0]
            peer.program.send(signal.SIGKILL)
            peer.program.wait()
            wait(lambda: not is_running(peer.executable_pid), 2.0, "the executable still runs")

    def test_an_executable_that_tells_no_news_is_spoken_of(self) -> None:
        with fake(habits="mute") as cluster:
            cluster.peers[0].program.hear(TIME + r"no news from the executable for 5 s$", 7.0)

    def test_an_executable_that_reads_nothing_costs_bounded_memory(self) -> None:
        """Packets are dropped, oldest first; requests are refused once 32 MiB wait."""
        with fake(habits="deaf") as cluster, grpc.insecure_channel(cluster.addresses[0]) as channel:
            program = cluster.peers[0].program
            batch = api.Batch(packets=harness.batch_of(1 << 20))
            call = api_pb2_grpc.PeersStub(channel).Packets.future(iter([batch] * 80))
            call.result(timeout=20)
            program.hear(TIME + r"the executable reads too slowly: \d+ batches of packets dropped$")
            large = api.PutRequest(key=b"k", value=bytes(3 << 20))
            requests = (api.Requests(requests=[api.Request(ticket=n, put=large)]) for n in range(1, 17))
            stub = cluster.stub(0)
            pipeline = stub.Pipeline(requests, timeout=30)
            says = "full: the executable reads too slowly, try again later"
            refused = next(pipeline).replies[0].failure  # the first few of them have found room, and wait
            self.assertEqual((refused.code, refused.message), (Code.RESOURCE_EXHAUSTED.value[0], says))
            self.fails(Code.RESOURCE_EXHAUSTED, says, lambda: stub.Put(put("a"), timeout=5))
            self.assertLess(memory(program.pid), 200 << 20)
            pipeline.cancel()


class Packets(harness.Test):
    """What passes between peers."""

    def received(self, cluster: Cluster, id: int) -> int:
        """How many packets have reached a peer's executable."""
        status = cluster.status(id)
        return int(status["packets"]) if status else 0

    def has_received(self, cluster: Cluster, id: int, more_than: int) -> bool:
        """Whether so many have."""
        return self.received(cluster, id) > more_than

    def test_packets_reach_every_other_peer_whatever_proxy_is_set(self) -> None:
        with fake(3, "chatty", start=False) as cluster:
            cluster.env["http_proxy"] = cluster.env["grpc_proxy"] = "http://127.0.0.1:9"
            cluster.start()
            for id in range(3):
                wait(partial(self.has_received, cluster, id, 20), 10.0, f"packets for {id}")

    def test_a_peer_that_comes_back_is_reached_again(self) -> None:
        with fake(2, "chatty") as cluster:
            wait(lambda: self.received(cluster, 1) > 0, 5.0, "packets")
            cluster.peers[1].kill()
            cluster.peers[1].start()
            wait(lambda: self.received(cluster, 1) > 0, 5.0, "packets after its start")

    def test_a_stream_that_comes_in_ends_the_pause_before_the_next_try(self) -> None:
        """Were the pause waited for, which is made an hour long, nothing would come."""
        came = asyncio.run(self.packets_after_a_pause())
        self.assertEqual(came, b"\5hello")

    async def packets_after_a_pause(self) -> bytes:
        """What a link sends to a peer that was down when it first tried, and then is said to be back."""
        took: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        class Peer(api_pb2_grpc.PeersServicer):
            async def Packets(self, batches: AsyncIterator[api.Batch], context: object) -> api.Empty:
                async for batch in batches:
                    took.set_result(batch.packets)
                return api.Empty()

        address = f"127.0.0.1:{harness.free_port()}"
        to = link.Link(0, 1, address)
        paused = asyncio.Event()

        def pause(*_: float) -> float:
            paused.set()
            return 3600.0

        with mock.patch("random.uniform", pause):
            running = asyncio.ensure_future(to.run())
            to.push(b"\4lost")
            await asyncio.wait_for(paused.wait(), 10.0)
        server = grpc.aio.server()
        api_pb2_grpc.add_PeersServicer_to_server(Peer(), server)
        server.add_insecure_port(address)
        await server.start()
        to.push(b"\5hello")
        to.is_back()
        try:
            return await asyncio.wait_for(took, 10.0)
        finally:
            await to.close(1.0)
            await running
            await server.stop(None)

    def test_the_newest_stream_of_a_peer_wins(self) -> None:
        with fake(2, start=False) as cluster:
            cluster.peers[0].start()
            older, newer, end = threading.Event(), threading.Event(), threading.Event()

            def batches(gone: threading.Event) -> Iterator[api.Batch]:
                yield api.Batch(packets=b"\5hello")
                gone.set()
                end.wait(20)

            with grpc.insecure_channel(cluster.addresses[0]) as channel:
                named = (("rsm-peer", "1"),)
                packets = api_pb2_grpc.PeersStub(channel).Packets
                first = packets.future(batches(older), metadata=named)
                wait(lambda: self.received(cluster, 0) == 1, 5.0, "the first stream")
                second = packets.future(batches(newer), metadata=named)
                self.fails(Code.ABORTED, "a newer stream of this peer has come", lambda: first.result(timeout=5))
                wait(lambda: self.received(cluster, 0) == 2, 5.0, "the second stream")
                self.assertFalse(second.done())
                end.set()
                second.result(timeout=5)

    def test_a_batch_that_no_chunk_can_hold_is_dropped_and_told(self) -> None:
        with fake() as cluster:
            batches = [api.Batch(packets=harness.batch_of(size)) for size in ((8 << 20) - 16, (8 << 20) - 15, 100)]
            with grpc.insecure_channel(cluster.addresses[0]) as channel:
                api_pb2_grpc.PeersStub(channel).Packets(iter(batches), timeout=20)
            cluster.peers[0].program.hear(TIME + "1 batches of packets over 8 MiB dropped$")
            wait(lambda: self.received(cluster, 0) == 2, 5.0, "the other two")

    def test_a_peer_that_stalls_costs_bounded_memory_and_stops_nobody_else(self) -> None:
        with fake(3, "chatty", start=False) as cluster:
            for id in (1, 2):
                cluster.peers[id].start()
            cluster.env["FAKE"] = "flood"
            cluster.peers[0].start()
            stalled, program = cluster.peers[1].program, cluster.peers[0].program
            stalled.send(signal.SIGSTOP)
            self.addCleanup(stalled.send, signal.SIGCONT)
            program.hear(TIME + r"peer 1 takes too little: \d+ batches of packets dropped$", 20.0)
            before = self.received(cluster, 2)
            wait(lambda: self.received(cluster, 2) > before + 1000, 10.0, "packets for the peer that does not stall")
            self.assertLess(memory(program.pid), 200 << 20)
            stalled.send(signal.SIGCONT)


if __name__ == "__main__":
    harness.main()
