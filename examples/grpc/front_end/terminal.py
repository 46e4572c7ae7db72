"""What ``cluster.py`` writes: whole lines, a colour per peer on a terminal, progress while things are made."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path

from .environment import Progress
from .places import shown

PEERS = ("36", "35", "33", "1;36", "1;35", "1;33")
RED, BOLD = "31", "1"
_WIDTH = 32  # of a place and the dots after it


class Terminal(Progress):
    """Standard output."""

    def __init__(self, color: str = "auto") -> None:
        self.is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        plain = not self.is_terminal or os.environ.get("NO_COLOR")
        self._colours = color == "always" or (color == "auto" and not plain)
        self._began = 0.0
        self._line = ""
        self._ticking: threading.Event | None = None

    def paint(self, text: str, colour: str) -> str:
        """A text in a colour, if colours are wanted."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours and text else text

    def write(self, text: str) -> None:
        """One write for whole lines, so that none is torn; a reader who has gone is no reason to die."""
        data = memoryview(f"{text}\n".encode(errors="surrogateescape"))
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(1, data) :]

    def say(self, text: str, colour: str = "") -> None:
        """A line of cluster.py's own."""
        self.write(self.paint(f"rsm: {text}", colour) if colour else f"rsm: {text}")

    def peer(self, peer: int, line: str) -> None:
        """A line of a peer's log."""
        prefix = self.paint(f"peer {peer} |", PEERS[peer % len(PEERS)])
        self.write(f"{prefix} {self.paint(line, BOLD) if ' leader of term ' in line else line}")

    # ---- progress ----

    def begin(self, what: str, where: Path, doing: str) -> None:
        """Shows what is being done, and for how long by now, on a terminal."""
        self._began = time.monotonic()
        self._line = f"rsm: {what:<14}{shown(where) + ' ':.<{_WIDTH}} "
        if self.is_terminal:
            self._ticking = threading.Event()
            threading.Thread(target=self._tick, args=(self._ticking, doing), daemon=True).start()

    def _tick(self, done: threading.Event, doing: str) -> None:
        while not done.wait(0.2):
            with contextlib.suppress(OSError):
                os.write(1, f"\r{self._line}{doing:<8}{time.monotonic() - self._began:7.1f} s".encode())

    def done(self, how: str, remark: str = "") -> None:
        """The step's line, as it stays."""
        self.end()
        took = time.monotonic() - self._began
        self.write(f"{self._line}{how:<8}{took:7.1f} s{'    ' + remark if remark else ''}")

    def end(self) -> None:
        """Shows no more progress."""
        if self._ticking is not None:
            self._ticking.set()
            self._ticking = None
            os.write(1, b"\r\x1b[K")
