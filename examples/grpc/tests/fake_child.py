"""A stand-in for the executable, in Python: a cluster of one, in memory, that speaks the pipe and can misbehave.

It shows how the front end behaves when its child does what the true one never would. What it does wrong stands in the
environment, `FAKE`, as words with commas between them:

    stranger        its first chunk is no hello            refuse      says one line and exits 2 before its hello
    garbage, huge   no chunk, or one of 2^63 bytes, where a chunk should begin, once `put boom ..` is asked for
    exit:N kill     it ends so, once `put boom ..` is asked for
    close           it closes its stdout but lives, once `put boom ..` is asked for
    deaf            it reads nothing after the hello       mute        it tells no news
    lost            it answers no propose, but the same again it does
    silent          it answers no request                  stay        it does not leave when told to drain
    chatty          it sends a packet to each other member, twenty times a second
    flood           it sends packets as fast as they are taken
A `put status:N ..` is answered with status N.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from front_end.framing import (
    DRAIN,
    HELLO,
    NEWS,
    PACKETS,
    REPLY,
    REQUEST,
    Splitter,
    head,
    read_string,
    read_varint,
    varint,
)

Value = bytes | list[bytes]


class Fake:
    """The state of the stand-in."""

    def __init__(self, arguments: dict[str, str], habits: set[str]) -> None:
        self.me = int(arguments["--id"])
        self.members = [int(member.split("=")[0]) for member in arguments["--members"].split(",")]
        self.arguments = arguments
        self.habits = habits
        self.map: dict[bytes, Value] = {}
        self.sessions: dict[int, dict[int, bytes]] = {}
        self.index = 1
        self.asked: set[tuple[tuple[int, int, int] | None, bytes]] = set()
        self.packets = 0
        self.bytes = 0
        self.writing = threading.Lock()

    def write(self, kind: int, rest: bytes) -> None:
        """One whole chunk."""
        self.raw(head(kind, len(rest)) + rest)

    def raw(self, data: bytes) -> None:
        """Bytes as they are; an end that nobody reads is the end."""
        view = memoryview(data)
        with self.writing:
            try:
                while view:
                    view = view[os.write(1, view) :]
            except BrokenPipeError:
                os._exit(0)

    def tell_news(self) -> None:
        """Role, term, leader, commit, applied."""
        self.write(NEWS, b"\4" + varint(1) + b"\1" + varint(self.me) + varint(self.index) + varint(self.index))

    def run(self) -> None:
        """Until the end of stdin, or a drain."""
        splitter = Splitter()
        while data := os.read(0, 1 << 20):
            buffer, bounds = splitter.feed(data)
            for start, end in bounds:
                self.on_chunk(buffer[start], buffer[start + 1 : end])
            if "deaf" in self.habits:
                signal.pause()
        self.leave()

    def leave(self) -> None:
        """Goes, unless it is its habit to stay."""
        if "stay" in self.habits:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pause()
        os._exit(0)

    def on_chunk(self, kind: int, rest: bytes) -> None:
        """A chunk from the front end."""
        if kind == HELLO:
            if rest != b"rsm1\1":
                os._exit(2)
        elif kind == PACKETS:
            at = 0
            while at < len(rest):
                packet, at = read_string(rest, at)
                self.packets += 1
                self.bytes += len(packet)
        elif kind == REQUEST and "silent" not in self.habits:
            self.on_request(rest)
        elif kind == DRAIN:
            self.leave()

    def on_request(self, rest: bytes) -> None:
        """Answers a ticket at once."""
        ticket, at = read_varint(rest, 0)
        flags, at = rest[at], at + 1
        caller = None
        if flags & 1:
            session, at = read_varint(rest, at)
            sequence, at = read_varint(rest, at)
            low, at = read_varint(rest, at)
            caller = (session, sequence, low)
        verb, body = rest[at], rest[at + 1 :]
        status, answer = self.answer(caller, verb, body)
        if "lost" in self.habits and verb == 1 and (caller, body) not in self.asked:
            self.asked.add((caller, body))
            return
        told = varint(self.index) + answer if status == 0 else answer
        self.write(REPLY, varint(ticket) + bytes((status,)) + told)

    def answer(self, caller: tuple[int, int, int] | None, verb: int, body: bytes) -> tuple[int, bytes]:
        """A status and an answer."""
        if verb == 0:
            self.index += 1
            self.sessions[self.index] = {}
            return 0, b""
        if verb == 1:
            return self.propose(caller, body)
        if verb in (2, 3):
            return 0, self.query(body)
        return 0, self.status(body)

    def propose(self, caller: tuple[int, int, int] | None, body: bytes) -> tuple[int, bytes]:
        """Applies a command, once if it has a caller."""
        key, at = read_string(body, 1)
        if body[0] == 0 and key == b"boom":
            self.boom()
        if body[0] == 0 and key.startswith(b"status:"):
            return int(key[7:]), b"as you wish"
        if caller is None:
            self.index += 1
            return 0, self.apply(body[0], key, body, at)
        replies = self.sessions.get(caller[0])
        if replies is None:
            return 5, b"the session is unknown"
        if caller[1] not in replies:
            self.index += 1
            replies[caller[1]] = self.apply(body[0], key, body, at)
        return 0, replies[caller[1]]

    def apply(self, what: int, key: bytes, body: bytes, at: int) -> bytes:
        """Put, delete, cas or append: the outcome and what goes with it."""
        held = self.map.get(key)
        if what == 1:
            return b"\0" if self.map.pop(key, None) is not None else b"\1"
        value, at = read_string(body, at)
        if what == 3:
            if isinstance(held, bytes):
                return b"\3"
            items = [*(held or []), value]
            self.map[key] = items
            return b"\0" + varint(len(items))
        if isinstance(held, list):
            return b"\3"
        if what == 2:
            if held is None:
                return b"\1"
            if held != value:
                return b"\2" + varint(len(held)) + held
            value, at = read_string(body, at)
        self.map[key] = value
        return b"\0"

    def query(self, body: bytes) -> bytes:
        """Get or keys."""
        text, _ = read_string(body, 1)
        if body[0] == 1:
            return b"\0" + strings(sorted(key for key in self.map if key.startswith(text)))
        held = self.map.get(text)
        if held is None:
            return b"\1"
        if isinstance(held, bytes):
            return b"\0\0" + varint(len(held)) + held
        return b"\0\1" + strings(held)

    def status(self, body: bytes) -> bytes:
        """What this peer knows of itself."""
        refused = dict.fromkeys(("checksum", "cluster", "incarnation", "version", "kind", "malformed", "full"), 0)
        told = {
            "cluster": "00000000000000fa", "id": self.me, "role": "leader", "term": 1, "leader": self.me, "first": 1,
            "last": self.index, "commit": self.index, "applied": self.index, "digest": "0" * 8 if body[0] & 1 else None,
            "disk_p99_us": 900, "syncs": self.index, "queue": 0, "snapshots_installed": 0, "refused": refused,
            "pid": os.getpid(), "heard": {}, "packets": self.packets, "bytes": self.bytes, "arguments": self.arguments,
        }  # fmt: skip
        return json.dumps(told).encode()

    def boom(self) -> None:
        """Misbehaves as it was told to."""
        for habit in self.habits:
            if habit == "garbage":
                self.raw(b"\0garbage")
            elif habit == "huge":
                self.raw(b"\x80" * 9 + b"\x01")
            elif habit == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif habit.startswith("exit:"):
                os._exit(int(habit[5:]))
            elif habit == "close":
                self.writing.acquire()  # nothing is written any more
                os.close(1)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.pause()

    def chat(self) -> None:
        """Tells news and sends packets, by habit."""
        turn = 0
        while True:
            if "mute" not in self.habits and turn % 10 == 0:
                self.tell_news()
            for to in self.members:
                if to != self.me and "chatty" in self.habits:
                    self.write(PACKETS, varint(to) + b"\5hello")
                if to != self.me and "flood" in self.habits:
                    self.write(PACKETS, varint(to) + (varint(16384) + bytes(16384)) * 16)
            turn += 1
            if "flood" not in self.habits:
                time.sleep(0.05)


def strings(items: list[bytes]) -> bytes:
    """`varint n`, n strings."""
    return varint(len(items)) + b"".join(varint(len(item)) + item for item in items)


def main() -> None:
    """Arguments as the executable takes them."""
    arguments = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    fake = Fake(arguments, set(filter(None, os.environ.get("FAKE", "").split(","))))
    if "refuse" in fake.habits:
        os.write(2, f"{arguments['--dir']} is in use\n".encode())
        os._exit(2)
    if "stranger" in fake.habits:
        fake.raw(b"\7stranger")
    else:
        fake.write(HELLO, b"rsm1\1" + varint(fake.me) + bytes(8))
    threading.Thread(target=fake.chat, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: fake.leave())
    fake.run()


if __name__ == "__main__":
    main()
