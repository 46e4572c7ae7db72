"""The framing: golden vectors, every cut, and what can be no chunk."""

from __future__ import annotations

import random
from unittest import mock

import harness

from front_end import child, framing
from front_end.framing import FramingLost, Malformed, Splitter, head, read_varint, split, varint

GOLDEN = harness.ROOT / "tests" / "golden" / "pipe.txt"


def golden() -> dict[str, bytes]:
    """The vectors that the executable's own tests read and write, too."""
    lines = (line.split() for line in GOLDEN.read_text().splitlines() if line)
    return {name: bytes.fromhex(digits) for name, digits in lines}


def chunks(stream: bytes) -> list[bytes]:
    """The chunks of a whole stream, heads excluded."""
    bounds, end = split(stream)
    assert end == len(stream)
    return [stream[start:end] for start, end in bounds]


class Writing(harness.Test):
    """What the front end says."""

    def setUp(self) -> None:
        self.child = child.Child.__new__(child.Child)
        self.child._tickets, self.child._ticket = {}, 0

    def request(self, ticket: int, caller: tuple[int, int, int] | None, verb: bytes, body: bytes) -> bytes:
        self.child._ticket = ticket - 1
        return self.child.request(caller, verb, body, lambda *_: None)

    def test_a_request_is_written_as_its_golden_vector(self) -> None:
        vectors = golden()
        for name, ticket, caller, verb, body in (
            ("request_open", 1, None, child.OPEN, b""),
            ("request_propose", 300, None, child.PROPOSE, b"command"),
            ("request_propose_as", 2, (300, 9, 4), child.PROPOSE, b"command"),
            ("request_read", 3, None, child.READ, b"query"),
            ("request_stale", 4, None, child.STALE, b"query"),
            ("request_status", 5, None, child.STATUS, b"\1"),
        ):
            with self.subTest(name):
                self.assertEqual(self.request(ticket, caller, verb, body), vectors[name])

    def test_hello_drain_and_packets_are_written_as_their_golden_vectors(self) -> None:
        vectors = golden()
        self.assertEqual(head(framing.HELLO, 5) + framing.MAGIC + bytes((framing.VERSION,)), vectors["hello_front_end"])
        self.assertEqual(head(framing.DRAIN, 0), vectors["drain"])
        batch = vectors["packets_in"][3:]
        self.assertEqual(head(framing.PACKETS, len(batch)) + batch, vectors["packets_in"])


class Filing(harness.Test):
    """Where the chunks of one read go."""

    def test_packets_go_to_their_receivers_in_order_and_the_rest_by_kind(self) -> None:
        taken: dict[int, list[bytes]] = {0: [], 5: [], 200: []}
        executable = child.Child.__new__(child.Child)
        executable._turn = {to: [] for to in taken}
        executable._near = {to: executable._turn[to] for to in (0, 5)}
        executable._sinks = {to: batches.append for to, batches in taken.items()}
        executable._loop = mock.Mock()
        executable.news = None

        def packets(to: int, batch: bytes) -> bytes:
            return head(framing.PACKETS, len(varint(to)) + len(batch)) + varint(to) + batch

        empty = head(framing.PACKETS, 0)  # names no receiver; at the end of a read nothing stands behind it
        stream = packets(5, b"\1a") + packets(0, b"\1b") + packets(200, b"\1c") + packets(9, b"\1x") + empty
        stream += golden()["news_leader"] + packets(200, b"\1d") + packets(5, b"\1e") + empty
        executable._file(stream, split(stream)[0])
        self.assertEqual(taken, {0: [b"\1b"], 5: [b"\1a\1e"], 200: [b"\1c\1d"]})
        self.assertEqual(executable.news, child.News("leader", 3, 300, 128, 127))


class Reading(harness.Test):
    """What the executable says."""

    def test_golden_vectors_in_one_stream_are_cut_into_themselves(self) -> None:
        vectors = list(golden().values())
        self.assertEqual([head(c[0], len(c) - 1) + c[1:] for c in chunks(b"".join(vectors))], vectors)

    def test_a_stream_in_pieces_gives_the_chunks_of_the_whole_wherever_it_is_cut(self) -> None:
        stream = b"".join(golden().values())
        whole = chunks(stream)
        draws = random.Random(7)
        for size in (1, 2, 3, 5, 97, 211, *(draws.randrange(1, 400) for _ in range(40))):
            splitter, found = Splitter(), []
            for at in range(0, len(stream), size):
                buffer, bounds = splitter.feed(stream[at : at + size])
                found += [buffer[start:end] for start, end in bounds]
            self.assertEqual(found, whole, f"pieces of {size}")
            self.assertFalse(splitter.inside)

    def test_a_chunk_of_many_pieces_is_joined_once(self) -> None:
        stream = head(framing.PACKETS, framing.CHUNK_MAX - 1) + bytes(framing.CHUNK_MAX - 1)
        splitter, joins = Splitter(), 0
        for at in range(0, len(stream), 1 << 16):
            buffer, bounds = splitter.feed(stream[at : at + (1 << 16)])
            joins += buffer != b""
        self.assertEqual([end - start for start, end in bounds], [framing.CHUNK_MAX])
        self.assertLessEqual(joins, 2)  # the first piece is looked at, too

    def test_where_a_chunk_begins_nothing_is_forgiven(self) -> None:
        for name, start in {
            "zero": b"\0",
            "zero, padded": b"\x80\0",
            "seven, padded": b"\x87\0",
            "a long one, padded": b"\x80\x81\0",
            "8 MiB and one": b"\x81\x80\x80\x04",
            "five bytes": b"\x80\x80\x80\x80\x01",
            "2^63": b"\x80" * 9 + b"\x01",
        }.items():
            with self.subTest(name):
                for before in (b"", golden()["drain"]):
                    with self.assertRaises(FramingLost):
                        split(before + start + b"rest")

    def test_the_longest_chunk_is_taken(self) -> None:
        self.assertEqual(split(varint(framing.CHUNK_MAX)), ([], 0))

    def test_a_varint_has_one_spelling(self) -> None:
        draws = random.Random(8)
        for value in (0, 1, 127, 128, 16_383, 16_384, (1 << 64) - 1, *(draws.randrange(1 << 64) for _ in range(200))):
            written = varint(value)
            self.assertEqual(read_varint(written, 0), (value, len(written)))
            for cut in range(len(written)):
                self.assertRaises(Malformed, read_varint, written[:cut], 0)
        for padded in (b"\x80\0", b"\x81\x80\0", b"\xff" * 9 + b"\x02", b"\x80" * 10 + b"\1"):
            self.assertRaises(Malformed, read_varint, padded, 0)

    def test_news_are_read_from_their_golden_vectors(self) -> None:
        vectors = golden()
        self.assertEqual(child.read_news(vectors["news_leader"][2:]), child.News("leader", 3, 300, 128, 127))
        self.assertEqual(child.read_news(vectors["news_newborn"][2:]), child.News("newborn", 0, None, 0, 0))

    def test_news_that_are_none_are_refused(self) -> None:
        whole = golden()["news_leader"][2:]
        for wrong in (
            *(whole[:cut] for cut in range(len(whole))),
            b"\x09" + whole[1:],
            whole[:2] + b"\x02" + whole[3:],
        ):
            self.assertRaises(Malformed, child.read_news, wrong)

    def test_a_batch_names_its_receiver_by_a_varint(self) -> None:
        whole = golden()["packets_out"]
        self.assertEqual(child._receiver(whole, 3, len(whole)), (300, 5))
        self.assertEqual(child._receiver(whole[:4], 3, 4), (-1, 4))


if __name__ == "__main__":
    harness.main()
