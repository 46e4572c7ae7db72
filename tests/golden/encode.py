"""A second encoder of the wire and the pipe, written from docs/wire.md and docs/pipe.md alone.

It prints the golden vectors: `python3 tests/golden/encode.py wire`, or `pipe`. The tests compare what it prints with
tests/golden/wire.txt and pipe.txt, and with what the crate encodes; two encoders that share no line of code must make
the same bytes. Standard library only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

Entry = tuple[int, int, bytes]  # term, kind, bytes


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli), bit by bit: slow, and short enough to be seen right."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def u8(value: int) -> bytes:
    return value.to_bytes(1, "little")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sized(data: bytes) -> bytes:
    return varint(len(data)) + data


def log_id(term: int, index: int) -> bytes:
    return varint(term) + varint(index)


def run(entries: Iterable[Entry]) -> bytes:
    """Entries one after another: term and kind are said where they change, and at the beginning."""
    out = b""
    before: tuple[int, int] | None = None
    for term, kind, data in entries:
        changed = before != (term, kind)
        before = (term, kind)
        out += varint(len(data) << 1 | changed)
        if changed:
            out += varint(term) + u8(kind)
        if len(data) >= 64:
            out += u32(crc32c(data))
        out += data
    return out


def counted(entries: list[Entry]) -> bytes:
    return varint(len(entries)) + run(entries)


def message(kind: int, fields: bytes, extensions: Iterable[tuple[int, bytes]] = ()) -> bytes:
    listed = list(extensions)
    tail = varint(len(listed)) + b"".join(varint(tag) + sized(data) for tag, data in listed)
    return sized(u8(kind) + fields + tail)


CLUSTER = 0x1122334455667788
FROM_LIFE = 0xA1A2A3A4A5A6A7A8
TO_LIFE = 0xB1B2B3B4B5B6B7B8
TRACK = 0xC1C2C3C4C5C6C7C8
ASK = 0xD1D2D3D4D5D6D7D8


def packet(*messages: bytes, to_life: int | None = TO_LIFE, source: int = 2, target: int = 300) -> bytes:
    known = to_life is not None
    rest = u8(1) + u8(known) + u16(0) + u64(CLUSTER) + u64(FROM_LIFE) + u64(to_life or 0)
    rest += varint(0) + varint(source) + varint(target) + b"".join(messages)
    return u32(crc32c(rest)) + rest


def counting(length: int) -> bytes:
    return bytes(at % 251 for at in range(length))


def membership() -> bytes:
    def member(node: int, duty: int, life: int | None, address: str) -> bytes:
        known = u8(0) if life is None else u8(1) + u64(life)
        return varint(node) + u8(duty) + known + sized(address.encode())

    members = [member(0, 0, FROM_LIFE, "127.0.0.1:4000"), member(300, 2, None, "")]
    outgoing = [member(7, 1, 0, "straße:1")]
    return varint(2) + b"".join(members) + varint(1) + b"".join(outgoing)


def wire() -> Iterator[tuple[str, bytes]]:
    entries: list[Entry] = [
        (9, 0, b""),
        (9, 1, b"sixty-three is the most that goes without a checksum: ".ljust(63, b".")),
        (9, 1, counting(64)),
        (9, 1, counting(9000)),
        (10, 2, counting(17)),
        (10, 3, membership()),
    ]
    forwarded: list[Entry] = [(0, 1, b"set x 1"), (0, 1, b"set y 2"), (0, 2, counting(17))]
    append = varint(10) + u64(TRACK) + log_id(8, 20_000) + varint(19_999)
    heartbeat = message(7, varint(10) + u64(TRACK) + varint(19_999) + varint(1 << 35))
    chunk = varint(10) + u64(TRACK) + log_id(8, 300) + varint(1 << 21) + varint(1 << 18)
    piece = counting(300)
    yield "empty", packet()
    yield "pre_vote", packet(message(1, varint(6) + log_id(5, 200)))
    yield "pre_vote_reply", packet(message(2, varint(5) + varint(6) + u8(1)))
    yield "vote", packet(message(3, varint(6) + log_id(5, 200) + u8(0)))
    yield "vote_transfer", packet(message(3, varint((1 << 64) - 1) + log_id(0, 0) + u8(1)))
    yield "vote_reply", packet(message(4, varint(6) + u8(0)))
    yield "append", packet(message(5, append + counted(entries)))
    yield "append_probe", packet(message(5, append + counted([])))
    yield "append_reply_matched", packet(message(6, varint(10) + u64(TRACK) + u8(0) + varint(20_006)))
    yield "append_reply_conflict", packet(message(6, varint(10) + u64(TRACK) + u8(1) + log_id(7, 128)))
    yield "heartbeat", packet(heartbeat)
    yield (
        "heartbeat_reply",
        packet(message(8, varint(10) + u64(TRACK) + varint(1 << 35) + varint(20_006) + varint(127))),
    )
    yield "forward", packet(message(9, counted(forwarded)))
    yield "read_ask", packet(message(10, u64(ASK)))
    yield "read_answer", packet(message(11, u64(ASK) + varint(20_006)))
    yield "timeout_now", packet(message(12, varint(10)))
    yield "hello", packet(message(13, b""), to_life=None)
    yield "hello_level", packet(message(13, b"", [(1, varint(300))]), to_life=None)
    yield "attest", packet(message(14, u64(TO_LIFE)))
    yield "chunk", packet(message(15, chunk + u32(crc32c(piece)) + sized(piece)))
    yield "chunk_reply", packet(message(16, u64(TRACK) + log_id(8, 300) + varint(1 << 19)))
    yield "two", packet(heartbeat, message(5, append + counted(entries[:2])), source=0, target=1)


def chunk(kind: int, rest: bytes) -> bytes:
    return sized(u8(kind) + rest)


def request(ticket: int, verb: int, body: bytes, caller: tuple[int, int, int] | None = None) -> bytes:
    named = u8(0) if caller is None else u8(1) + b"".join(map(varint, caller))
    return chunk(2, varint(ticket) + named + u8(verb) + body)


def news(role: int, term: int, leader: int | None, commit: int, applied: int) -> bytes:
    known = u8(0) if leader is None else u8(1) + varint(leader)
    return chunk(4, u8(role) + varint(term) + known + varint(commit) + varint(applied))


def pipe() -> Iterator[tuple[str, bytes]]:
    batch = sized(b"") + sized(b"a packet") + sized(counting(200))
    yield "hello_front_end", chunk(0, b"rsm1" + u8(1))
    yield "hello_peer", chunk(0, b"rsm1" + u8(1) + varint(300) + u64(FROM_LIFE))
    yield "packets_out", chunk(1, varint(300) + batch)
    yield "packets_in", chunk(1, batch)
    yield "request_open", request(1, 0, b"")
    yield "request_propose", request(300, 1, b"command")
    yield "request_propose_as", request(2, 1, b"command", caller=(300, 9, 4))
    yield "request_read", request(3, 2, b"query")
    yield "request_stale", request(4, 3, b"query")
    yield "request_status", request(5, 4, u8(1))
    yield "reply_done", chunk(3, varint(300) + u8(0) + varint(20_000) + b"answer")
    yield "reply_done_empty", chunk(3, varint(1) + u8(0) + varint(7))
    yield "reply_draining", chunk(3, varint(2) + u8(3) + b"retry another peer")
    yield "reply_unknown", chunk(3, varint(3) + u8(6) + b"no answer in time")
    yield "news_leader", news(4, 3, 300, 128, 127)
    yield "news_newborn", news(0, 0, None, 0, 0)
    yield "drain", chunk(5, b"")


def main() -> int:
    vectors = {"wire": wire, "pipe": pipe}
    if len(sys.argv) != 2 or sys.argv[1] not in vectors:
        print(f"usage: encode.py {'|'.join(vectors)}", file=sys.stderr)
        return 2
    for name, data in vectors[sys.argv[1]]():
        print(f"{name} {data.hex()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
