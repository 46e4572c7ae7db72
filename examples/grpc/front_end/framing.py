"""``varint length | bytes``: the framing of the pipe, of a batch of packets, and of a string in a command.

::

    chunk = varint length | kind u8 | rest          length counts kind and rest: 1 to 8 MiB
    batch = (varint length | packet)*               opaque here
    varint: 7 bits a byte, the lowest first, the top bit says that more follow; the shortest form alone is accepted

Where a chunk begins nothing is forgiven: a length that cannot be is the end of the stream (:class:`FramingLost`), since
no later byte could be trusted to begin anything.
"""

from __future__ import annotations

CHUNK_MAX = 8 << 20
"""The most bytes that a chunk's length may announce."""

HELLO, PACKETS, REQUEST, REPLY, NEWS, DRAIN = range(6)
"""The kinds of chunk."""

MAGIC = b"rsm1"
VERSION = 1

_VARINT_MAX = 10  # bytes of a 64-bit number
_LENGTH_MAX = 4  # bytes of a chunk's length: 8 MiB need no more


class FramingLost(Exception):
    """What stands where a chunk should begin is no chunk."""


class Malformed(Exception):
    """A whole chunk whose inside is not what its kind says."""


def varint(value: int) -> bytes:
    """The canonical varint of a number below 2^64."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """The varint at ``at`` and where it ends; :class:`Malformed` if it is cut, padded or too great."""
    value = 0
    for n in range(_VARINT_MAX):
        if at + n >= len(data):
            raise Malformed("a number is cut off")
        byte = data[at + n]
        value |= (byte & 0x7F) << 7 * n
        if byte < 0x80:
            if (byte == 0 and n > 0) or value >= 1 << 64:
                raise Malformed("a number is padded or too great")
            return value, at + n + 1
    raise Malformed("a number is too long")


def read_string(data: bytes | memoryview, at: int) -> tuple[bytes, int]:
    """The string (``varint length | bytes``) at ``at`` and where it ends."""
    length, start = read_varint(data, at)
    end = start + length
    if end > len(data):
        raise Malformed("a string is cut off")
    return bytes(data[start:end]), end


def head(kind: int, rest_length: int) -> bytes:
    """What stands before the rest of a chunk."""
    return varint(rest_length + 1) + bytes((kind,))


def split(data: bytes) -> tuple[list[tuple[int, int]], int]:
    """Where the whole chunks in ``data`` begin and end, heads excluded, and how many bytes they take with them."""
    bounds: list[tuple[int, int]] = []
    at, size = 0, len(data)
    while at < size:
        length, start = data[at], at + 1
        shift = 7
        while length >= 1 << shift:  # the last byte read had its top bit set: drop it, and go on
            if start >= size:
                return bounds, at
            byte = data[start]
            length = length & (1 << shift) - 1 | byte << shift
            start, shift = start + 1, shift + 7
            if byte == 0 or (byte >= 0x80 and start - at >= _LENGTH_MAX):
                raise FramingLost(f"no chunk begins with {data[at:start].hex(' ')}")
        if not 0 < length <= CHUNK_MAX:
            raise FramingLost(f"a chunk of {length} bytes cannot be")
        end = start + length
        if end > size:
            break
        bounds.append((start, end))
        at = end
    return bounds, at


class Splitter:
    """Cuts a stream that comes in pieces. A chunk of many pieces is joined once, when its last piece has come."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._have = 0
        self._need = 1

    def feed(self, piece: bytes) -> tuple[bytes, list[tuple[int, int]]]:
        """A buffer and where the whole chunks in it begin and end; :class:`FramingLost` if one cannot be."""
        if self._pieces:
            self._pieces.append(piece)
            self._have += len(piece)
            if self._have < self._need:
                return b"", []
            piece = b"".join(self._pieces)
        bounds, end = split(piece)
        rest = piece[end:]
        self._pieces = [rest] if rest else []
        self._have = len(rest)
        self._need = _needed(rest)
        return piece, bounds

    @property
    def inside(self) -> bool:
        """Whether the stream stands inside a chunk."""
        return self._have > 0


def _needed(rest: bytes) -> int:
    """How many bytes there must be before another look at ``rest``, which begins a chunk, is worth it."""
    try:
        length, start = read_varint(rest, 0)
    except Malformed:
        return len(rest) + 1
    return start + length
