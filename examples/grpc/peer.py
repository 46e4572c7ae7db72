"""One peer of the cluster: speaks gRPC for the executable `grpc`, which it starts and drains.

What it is made of is drawn in `front_end/__init__.py`. Set-up, in this directory:

    cargo build --bin grpc
    mkdir api
    python -m grpc_tools.protoc -I. --python_out=./api --grpc_python_out=./api api.proto
    python peer.py --id 0
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

if sys.version_info < (3, 10):  # before anything that an older Python would stumble over
    sys.exit("peer.py: Python 3.10 or newer is needed, this is %d.%d" % sys.version_info[:2])

from front_end import VERSION, log
from front_end.front import Front, Settings
from front_end.places import HERE, PIP, Refusal, check_stubs, executable, is_address, read_peers, shown

EXAMPLES = """examples:
  python peer.py --id 0
  python peer.py --id 1 --peers ../my-peers.yml --dir /var/lib/rsm/1 --log-level debug

exit codes: 0 drained (Ctrl-C, SIGTERM), 2 wrong use or set-up, 70 the executable died or its framing was lost
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise Refusal(f"{message}; see peer.py --help")


def parser() -> Parser:
    """The command line."""
    parser = Parser(
        prog="peer.py",
        description="Runs one peer of the cluster in the foreground until Ctrl-C or SIGTERM, which drain it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--id", type=int, required=True, metavar="ID", help="which peer of the list this is, from 0 upwards")
    add("--peers", type=Path, default=HERE / "peers.yml", metavar="FILE", help="the list of peers (peers.yml)")
    add("--listen", metavar="HOST:PORT", help="where to listen, if not at this peer's address in the list")
    add("--dir", type=Path, metavar="DIR", help="where its data lies (data/ID)")
    add("--executable", type=Path, metavar="PATH", help="the executable, if not the newest that cargo built")
    add("--snapshot-every", type=int, default=10_000, metavar="N", help="entries between snapshots (10000)")
    add("--first-boot", metavar="INCARNATION", help="vouches that this directory, whose log names it, is the first")
    add("--log-level", choices=log.LEVELS, default="info", help="how much to say on stderr (info)")
    add("--watch-stdin", action="store_true", help="drain at the end of stdin, too")
    add("--version", action="version", version=f"peer.py {VERSION}")
    add("--stubs", type=Path, default=HERE / "api", help=argparse.SUPPRESS)  # cluster.py keeps its own
    return parser


def settings(arguments: argparse.Namespace) -> Settings:
    """What the arguments ask for, refused where it cannot be."""
    addresses = read_peers(arguments.peers)
    if arguments.id not in range(len(addresses)):
        has = ", ".join(str(peer) for peer in range(len(addresses)))
        raise Refusal(f"{arguments.peers.name} has no id {arguments.id}; it has {has}")
    if arguments.listen is not None and not is_address(arguments.listen):
        raise Refusal(f"--listen wants HOST:PORT, not {arguments.listen}")
    if arguments.snapshot_every < 1:
        raise Refusal("--snapshot-every wants a number of entries, at least 1")
    if arguments.executable is not None and not arguments.executable.is_file():
        raise Refusal(f"no executable at {arguments.executable}; run at the root: cargo build --bin grpc")
    found = arguments.executable or executable()
    if any(importlib.util.find_spec(name) is None for name in ("grpc", "google")):
        raise Refusal(f"Python package grpcio is missing; run: {PIP}")
    check_stubs(arguments.stubs)
    if arguments.executable is None:
        log.info(f"executable {shown(found)}, the newest that cargo built")
    return Settings(
        me=arguments.id,
        addresses=addresses,
        listen=arguments.listen or addresses[arguments.id],
        directory=arguments.dir or HERE / "data" / str(arguments.id),
        executable=found.absolute(),
        snapshot_every=arguments.snapshot_every,
        first_boot=arguments.first_boot,
        log_level=arguments.log_level,
        watch_stdin=arguments.watch_stdin,
        stubs=arguments.stubs.absolute(),
    )


async def front(asked: Settings) -> NoReturn:
    """Runs the front end on this loop, and ends the process: a loop that ends would cancel the calls that come in."""
    os._exit(await Front(asked).run())


def run(asked: Settings) -> NoReturn:
    """Runs the front end: on uvloop's loop where that is installed, which is quicker and never required."""
    if sys.version_info >= (3, 11) and importlib.util.find_spec("uvloop") is not None:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(front(asked))
    asyncio.run(front(asked))


def main() -> int:
    """The exit code."""
    try:
        arguments = parser().parse_args()
        log.set_level(arguments.log_level)
        run(settings(arguments))
    except Refusal as refusal:
        log.line(f"peer.py: {refusal}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
