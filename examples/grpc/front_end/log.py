"""Log lines, on stderr alone: ``14:02:11.402 listening on ..``, in UTC, each written whole."""

from __future__ import annotations

import contextlib
import os
import time

LEVELS = ("error", "warn", "info", "debug")
"""From the fewest lines to the most."""

_written = set(LEVELS[:3])


def set_level(name: str) -> None:
    """Lines of this level and the ones before it are written from now on."""
    _written.clear()
    _written.update(LEVELS[: LEVELS.index(name) + 1])


def line(text: str) -> None:
    """Writes one line without a time; a stderr that is gone is no reason to die."""
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode(errors="surrogateescape"))


def _at(level: str, text: str) -> None:
    if level in _written:
        now = time.time()
        line(f"{time.strftime('%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03} {text}")


def error(text: str) -> None:
    """What ends this peer, or should be mended at once."""
    _at("error", text)


def warn(text: str) -> None:
    """What goes wrong and is lived with."""
    _at("warn", text)


def info(text: str) -> None:
    """What an operator wants to know."""
    _at("info", text)


def debug(text: str) -> None:
    """What a developer wants to know."""
    _at("debug", text)


class Seldom:
    """Says a thing at most once a second, with how often it has happened since it was last said."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0
        self._next = 0.0

    def happened(self, now: float) -> None:
        """Counts one, and says so if a second has passed since the last line."""
        self._count += 1
        if now >= self._next:
            warn(self._text.format(count=self._count))
            self._count, self._next = 0, now + 1.0
