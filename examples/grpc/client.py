"""Asks the cluster: put, get, del, cas, append, keys, status, bench. Values alone go to stdout."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if sys.version_info < (3, 10):  # before anything that an older Python would stumble over
    sys.exit("client.py: Python 3.10 or newer is needed, this is %d.%d" % sys.version_info[:2])

from front_end import VERSION, environment
from front_end.places import HERE, PIP, PROTOC, Refusal, check_stubs

if TYPE_CHECKING:
    from front_end.asking import Cluster

EXAMPLES = """examples:
  python3 examples/grpc/client.py put greeting hello
  python3 examples/grpc/client.py --peers 10.0.0.1:4000,10.0.0.2:4000 status --json

The peers: --peers (a file like peers.yml, or host:port,host:port), else the environment's RSM_PEERS, else peers.yml.

exit codes: 0 done, 1 answered no (missing key, cas lost, wrong type), 2 wrong use or set-up,
  75 no answer, or `expired`, or `full`: try again
"""


class No(Exception):
    """The cluster has answered, and the answer is no: exit code 1."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise Refusal(f"{message}; see client.py --help")


def parser() -> Parser:
    """The command line; ``--peers`` may stand before the command or after it."""
    shared = Parser(add_help=False)
    shared.add_argument("--peers", default=argparse.SUPPRESS, metavar="PEERS", help="whom to ask")
    shape: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": EXAMPLES}
    top = Parser(prog="client.py", description="Asks the cluster.", parents=[shared], **shape)
    top.add_argument("--version", action="version", version=f"client.py {VERSION}")
    top.add_argument("--stubs", type=Path, default=HERE / "api", help=argparse.SUPPRESS)  # cluster.py keeps its own
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, says: str, *words: str) -> argparse.ArgumentParser:
        title = f"{says[0].upper()}{says[1:]}."
        made = commands.add_parser(name, help=says, description=title, parents=[shared], **shape)
        for word in words:
            made.add_argument(word, type=os.fsencode, metavar=word.upper())
        return made

    command("put", "set KEY to the string VALUE", "key", "value")
    get = command("get", "print what KEY holds, of a list one item per line", "key")
    command("del", "remove KEY", "key")
    command("cas", "set KEY to NEW if it holds OLD", "key", "old", "new")
    command("append", "add ITEM to the list KEY, and print its length", "key", "item")
    keys = command("keys", "print the keys, sorted, one per line")
    keys.add_argument("prefix", type=os.fsencode, nargs="?", default=b"", metavar="PREFIX", help="only those")
    for reading in (get, keys):
        reading.add_argument("--stale", action="store_true", help="from the state of the peer asked, at once")
    status = command("status", "show each peer's role, log and health")
    status.add_argument("--json", action="store_true", help="one JSON object, with each state's digest")
    bench = command("bench", "measure: many clients that put, that get, and one stream of puts")
    bench.add_argument("--seconds", type=float, default=5.0, metavar="S", help="for each measurement (5)")
    bench.add_argument("--clients", type=int, default=64, metavar="N", help="at once (64)")
    bench.add_argument("--size", type=int, default=100, metavar="BYTES", help="of a value (100)")
    return top


def import_grpc(arguments: argparse.Namespace) -> None:
    """Makes gRPC and the stubs importable; where they are not, goes on in the environment that cluster.py made."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    sys.path.insert(0, str(arguments.stubs))
    try:
        if importlib.util.find_spec("grpc") is None:
            raise Refusal(f"Python package grpcio is missing; run: {PIP}")
        check_stubs(arguments.stubs)
        try:
            importlib.import_module("api_pb2_grpc")
        except Exception:  # each version of each package has a class of its own for this
            raise Refusal(f"stubs were made by another grpcio-tools; run: {PROTOC}") from None
    except Refusal:
        made = environment.made()
        if made is None or arguments.stubs == made.stubs:
            raise
        program = [str(made.python), str(Path(__file__).resolve()), "--stubs", str(made.stubs)]
        os.execv(made.python, program + sys.argv[1:])


def show(value: bytes) -> None:
    """One line on stdout, as bytes."""
    sys.stdout.buffer.write(value + b"\n")


def text(value: bytes) -> str:
    """Bytes, for a message."""
    return value.decode(errors="backslashreplace")


def show_ok(index: int, began: float) -> None:
    """`ok` on stdout; where and how long on stderr, for a reader at a terminal."""
    took = f"index {index}  {1000 * (time.monotonic() - began):.1f} ms"
    together = sys.stdout.isatty() and sys.stderr.isatty()
    sys.stdout.write("ok" if together else "ok\n")
    sys.stdout.flush()
    if sys.stderr.isatty():
        sys.stderr.write(f"  {took}" if together else f"{took}\n")
        sys.stderr.flush()
    if together:
        sys.stdout.write("\n")


async def write(cluster: Cluster, asked: argparse.Namespace) -> None:
    """put, del, cas, append."""
    import api_pb2 as api

    makes: dict[str, tuple[str, Callable[[api.Caller], Any]]] = {
        "put": ("Put", lambda caller: api.PutRequest(caller=caller, key=asked.key, value=asked.value)),
        "del": ("Delete", lambda caller: api.DeleteRequest(caller=caller, key=asked.key)),
        "cas": ("Cas", lambda caller: api.CasRequest(caller=caller, key=asked.key, old=asked.old, new=asked.new)),
        "append": ("Append", lambda caller: api.AppendRequest(caller=caller, key=asked.key, item=asked.item)),
    }
    began = time.monotonic()
    reply = await cluster.write(*makes[asked.command])
    if reply.outcome == api.NO_SUCH_KEY:
        raise No(f"no such key: {text(asked.key)}")
    if reply.outcome == api.NOT_SWAPPED:
        raise No(f'not swapped: {text(asked.key)} is "{text(reply.found)}", not "{text(asked.old)}"')
    if reply.outcome == api.WRONG_TYPE:
        raise No(f"wrong type: {text(asked.key)} holds a {'string' if asked.command == 'append' else 'list'}")
    if asked.command == "append":
        show(b"%d" % reply.items)
    else:
        show_ok(reply.index, began)


async def get(cluster: Cluster, asked: argparse.Namespace) -> None:
    """A string, or a list's items."""
    import api_pb2 as api

    reply = await cluster.read("Get", api.GetRequest(key=asked.key, stale=asked.stale))
    if reply.outcome == api.NO_SUCH_KEY:
        raise No(f"no such key: {text(asked.key)}")
    for value in reply.list.items if reply.WhichOneof("value") == "list" else [reply.string]:
        show(value)


async def keys(cluster: Cluster, asked: argparse.Namespace) -> None:
    """The keys with a prefix."""
    import api_pb2 as api

    for key in (await cluster.read("Keys", api.KeysRequest(prefix=asked.prefix, stale=asked.stale))).keys:
        show(key)


async def status(cluster: Cluster, asked: argparse.Namespace) -> None:
    """The table, or JSON."""
    from front_end import table
    from front_end.asking import NoAnswer

    statuses = await cluster.statuses(digest=asked.json)
    gathered = table.gathered(cluster.peers, statuses)
    if asked.json:
        print(json.dumps(gathered, separators=(",", ":")))
    elif any(statuses):
        colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        print(table.table(gathered, colours))
    if not any(statuses):
        width = max(map(len, cluster.peers))
        said = zip(cluster.peers, cluster.refusals(), strict=True)
        lines = [f"  {address:<{width}}  {refusal}" for address, refusal in said]
        raise NoAnswer("\n".join(["no peer answers", *lines, cluster.hint()]))


async def bench(cluster: Cluster, asked: argparse.Namespace) -> None:
    """Three measurements."""
    from front_end.bench import bench

    if asked.seconds <= 0 or asked.clients < 1 or asked.size < 0:
        raise Refusal("bench wants seconds above 0, clients from 1 and a size from 0")
    await bench(cluster, asked.seconds, asked.clients, asked.size, lambda row: print(row, flush=True))


COMMANDS: dict[str, Callable[[Cluster, argparse.Namespace], Awaitable[None]]] = {
    "put": write, "del": write, "cas": write, "append": write,
    "get": get, "keys": keys, "status": status, "bench": bench,
}  # fmt: skip


async def run(asked: argparse.Namespace) -> int:
    """One command; the exit code."""
    from front_end.asking import Cluster, NoAnswer, addresses

    named = getattr(asked, "peers", None) or os.environ.get("RSM_PEERS") or str(HERE / "peers.yml")
    cluster = Cluster(addresses(named))
    try:
        await COMMANDS[asked.command](cluster, asked)
        sys.stdout.flush()
        return 0
    except No as no:
        print(f"client.py: {no}", file=sys.stderr)
        return 1
    except NoAnswer as none:
        print(f"client.py: {none}", file=sys.stderr)
        return 75
    finally:
        await cluster.close()


def main() -> int:
    """The exit code."""
    try:
        arguments = parser().parse_args()
        import_grpc(arguments)
        return asyncio.run(run(arguments))
    except Refusal as refusal:
        print(f"client.py: {refusal}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, BrokenPipeError):
        return 130


if __name__ == "__main__":
    sys.exit(main())
