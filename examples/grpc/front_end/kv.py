"""Commands, queries and answers of the key-value map: protobuf on one side, the executable's bytes on the other.

::

    command = 0 put, key, value | 1 delete, key | 2 cas, key, old, new | 3 append, key, item
    query   = 0 get, key | 1 keys, prefix                       a string: varint length | bytes
    answer  = outcome, then if done: append: varint items now | get: 0 string, or 1 list | keys: list
                            if not swapped: the string found     a list: varint n, n strings
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import api_pb2 as api

from . import child
from .framing import Malformed, read_string, read_varint, varint

Read = Callable[[int, memoryview], Any]
"""Makes the reply to a call from the index and the executable's answer."""


def _body(number: int, *strings: bytes) -> bytes:
    """A command or a query: its number, then its strings, each ``varint length | bytes``."""
    parts = [bytes((number,))]
    for text in strings:
        parts += (varint(len(text)), text)
    return b"".join(parts)


class Call(NamedTuple):
    """How one call of the service is put to the executable, and how its answer is read."""

    verb: Callable[[Any], bytes]
    body: Callable[[Any], bytes]
    read: Read


def _proposed(_: Any) -> bytes:
    return child.PROPOSE


def _read(request: Any) -> bytes:
    return child.STALE if request.stale else child.READ


def _outcome(answer: memoryview) -> api.Outcome:
    if not answer or answer[0] > api.WRONG_TYPE:
        raise Malformed("an outcome is unknown")
    return cast("api.Outcome", answer[0])


def _put(index: int, answer: memoryview) -> api.PutReply:
    return api.PutReply(index=index, outcome=_outcome(answer))


def _delete(index: int, answer: memoryview) -> api.DeleteReply:
    return api.DeleteReply(index=index, outcome=_outcome(answer))


def _cas(index: int, answer: memoryview) -> api.CasReply:
    reply = api.CasReply(index=index, outcome=_outcome(answer))
    if reply.outcome == api.NOT_SWAPPED:
        reply.found = read_string(answer, 1)[0]
    return reply


def _append(index: int, answer: memoryview) -> api.AppendReply:
    reply = api.AppendReply(index=index, outcome=_outcome(answer))
    if reply.outcome == api.DONE:
        reply.items = read_varint(answer, 1)[0]
    return reply


def _get(index: int, answer: memoryview) -> api.GetReply:
    reply = api.GetReply(index=index, outcome=_outcome(answer))
    if reply.outcome == api.DONE:
        if len(answer) < 2 or answer[1] > 1:
            raise Malformed("a value is neither string nor list")
        if answer[1] == 0:
            reply.string = read_string(answer, 2)[0]
        else:
            reply.list.SetInParent()
            reply.list.items.extend(_strings(answer, 2))
    return reply


def _keys(index: int, answer: memoryview) -> api.KeysReply:
    return api.KeysReply(index=index, outcome=_outcome(answer), keys=_strings(answer, 1))


def _strings(answer: memoryview, at: int) -> list[bytes]:
    count, at = read_varint(answer, at)
    strings = []
    for _ in range(count):
        text, at = read_string(answer, at)
        strings.append(text)
    return strings


CALLS: dict[str, Call] = {
    "put": Call(_proposed, lambda put: _body(0, put.key, put.value), _put),
    "delete": Call(_proposed, lambda delete: _body(1, delete.key), _delete),
    "cas": Call(_proposed, lambda cas: _body(2, cas.key, cas.old, cas.new), _cas),
    "append": Call(_proposed, lambda append: _body(3, append.key, append.item), _append),
    "get": Call(_read, lambda get: _body(0, get.key), _get),
    "keys": Call(_read, lambda keys: _body(1, keys.prefix), _keys),
}
"""The calls of the service, by their names in a request of the pipeline."""
