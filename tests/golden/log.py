"""A second encoder of the log and of snapshots, written from docs/log-format.md alone.

It prints the golden vectors: `python3 tests/golden/log.py`. The tests compare what it prints with tests/golden/log.txt,
and with what the crate writes; two encoders that share no line of code must make the same bytes. Standard library only.
"""

from __future__ import annotations

from encode import crc32c, run, u8, u16, u32, u64

CLUSTER = 0x1122334455667788
NODE = 3
MEMBERS = 0xA430D84680AABD0B
ADDRESSES = 0x9ABCDEF0
# What the crate draws for these segments from the seed of the test.
NONCES = {1: 0xC9612942FFD7AF49, 2: 0x78C3D55B6A3E16EC}
INCARNATION = 0x9E72B8AC96285B9A

ENTRIES, STATE, MARK, ANCHOR, SEAL, PAD, BIND, BORN, RESET = range(1, 10)
BLANK, COMMAND, OPEN, MEMBERSHIP = range(4)
COUNTING = bytes(range(70))


def record(seq: int, at: int, synced: int, kind: int, index: int = 0, term: int = 0, body: bytes = b"") -> bytes:
    rest = u32(crc32c(body)) + u32(len(body) | kind << 24) + u32(synced // 8) + u64(index) + u64(term)
    head = u32(crc32c(u64(NONCES[seq]) + u64(at) + rest)) + rest
    return head + body + bytes(-len(body) % 8)


class Segment:
    """Bytes of a segment, as they stand once all is flushed."""

    def __init__(self, seq: int, align: int) -> None:
        self.seq, self.align = seq, align
        self.data = bytearray(max(128, 1 << align))
        self.synced = len(self.data)

    def put(self, kind: int, index: int = 0, term: int = 0, body: bytes = b"") -> None:
        self.data += record(self.seq, len(self.data), self.synced, kind, index, term, body)

    def pad(self) -> None:
        gap = -len(self.data) % (1 << self.align)
        if gap:
            gap += (1 << self.align) * (gap < 32)
            self.put(PAD, body=bytes(gap - 32))

    def flush(self) -> None:
        self.pad()
        self.synced = len(self.data)

    def head(
        self,
        first: int,
        prev_end: int,
        whole: int,
        term: int = 0,
        vote: int | None = None,
        commit: int = 0,
        mark: tuple[int, int] = (0, 0),
        born: bool = False,
    ) -> None:
        out = b"rsm-log\x01" + u64(self.seq) + u64(NONCES[self.seq]) + u64(first) + u64(prev_end)
        out += u64(term) + u64(vote or 0) + u64(commit) + u64(mark[0]) + u64(mark[1])
        out += u64(CLUSTER) + u64(NODE) + u64(INCARNATION)
        out += u8((vote is not None) | born << 1) + u8(self.align) + u16(0) + u32(whole // 8)
        out += u64(MEMBERS) + u32(ADDRESSES)
        self.data[:128] = out + u32(crc32c(out))


def first_segment() -> Segment:
    segment = Segment(1, 3)
    segment.put(BIND)
    whole = len(segment.data)
    segment.head(first=1, prev_end=0, whole=whole)
    segment.flush()
    segment.put(BIND, body=u64(2) + u64(0xB1B2B3B4B5B6B7B8))
    segment.put(BORN)
    segment.put(STATE, 0, 5, u64(0))
    segment.flush()
    segment.put(ANCHOR)
    segment.put(
        ENTRIES,
        1,
        5,
        run([(5, BLANK, b""), (5, COMMAND, b"set x 1"), (5, COMMAND, COUNTING), (5, MEMBERSHIP, b"members")]),
    )
    segment.flush()
    segment.put(STATE, 2, 7)
    segment.put(ENTRIES, 4, 6, run([(6, COMMAND, b"in its place")]))
    segment.put(ENTRIES, 5, 7, run([(7, BLANK, b"")]))
    segment.flush()
    segment.put(MARK, 3, 5)
    segment.flush()
    segment.put(RESET, 9, 7)
    return segment


def segments() -> tuple[Segment, Segment]:
    one = first_segment()
    # Nothing testifies to the reset: a start copies it, and seals the first segment where it stood.
    end = one.synced
    del one.data[end:]
    one.synced = end
    one.put(SEAL)
    two = Segment(2, 9)
    two.put(BIND, body=u64(2) + u64(0xB1B2B3B4B5B6B7B8))
    two.put(RESET, 9, 7)
    two.pad()
    two.head(first=6, prev_end=end, whole=len(two.data), term=7, commit=2, mark=(3, 5), born=True)
    return one, two


def snapshot() -> bytes:
    membership, state = b"members", b"the state, as the machine writes it"
    head = b"rsm-snp\x01" + u64(9) + u64(7) + u64(CLUSTER) + u32(len(membership)) + bytes(24)
    out = head + u32(crc32c(head + membership)) + membership
    out += u32(crc32c(state)) + u32(len(state)) + state
    return out + u64(len(state)) + u32(1) + u32(crc32c(u32(crc32c(state)))) + b"rsm-snp\x01"


if __name__ == "__main__":
    before = first_segment()
    one, two = segments()
    for name, data in [
        ("segment_1", before.data),
        ("segment_1_sealed", one.data),
        ("segment_2", two.data),
        ("snapshot", snapshot()),
    ]:
        print(name, bytes(data).hex())
