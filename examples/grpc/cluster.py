"""A cluster on this machine: makes what it needs, starts the peers, shows their logs, drains them on Ctrl-C.

Needs Rust and Python 3.10, nothing else: gRPC goes into an environment of its own under `target/python`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import NoReturn

if sys.version_info < (3, 10):  # before anything that an older Python would stumble over
    sys.exit("cluster.py: Python 3.10 or newer is needed, this is %d.%d" % sys.version_info[:2])

from front_end import VERSION, environment
from front_end.flock import Flock
from front_end.places import HERE, Refusal, read_peers, shown, target, workspace
from front_end.terminal import Terminal

EXAMPLES = """examples:
  python3 examples/grpc/cluster.py
  python3 examples/grpc/cluster.py --peers 5 --port 5000 --dir /tmp/five --fresh

exit codes: 0 drained, 2 wrong use or set-up, 70 all peers died, or one did not drain
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise Refusal(f"{message}; see cluster.py --help")


def parser() -> Parser:
    """The command line."""
    parser = Parser(
        prog="cluster.py",
        description="Runs a cluster on this machine in the foreground until Ctrl-C, which drains it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--peers", type=int, metavar="N", help="how many (as many as peers.yml lists)")
    add("--dir", type=Path, metavar="DIR", help="where their data lies (target/cluster)")
    add("--fresh", action="store_true", help="empties that first: a new cluster")
    add("--port", type=int, metavar="BASE", help="peer 0 listens on 127.0.0.1:BASE, the next ones on the next")
    add("--snapshot-every", type=int, default=10_000, metavar="N", help="entries between snapshots (10000)")
    add("--color", choices=("always", "never", "auto"), default="auto", help="a colour per peer (auto)")
    add("--version", action="version", version=f"cluster.py {VERSION}")
    add("--executable", type=Path, help=argparse.SUPPRESS)  # instead of a release build
    return parser


def build(terminal: Terminal) -> Path:
    """The executable, built for release."""
    root, built = workspace(), target() / "release" / "grpc"
    if root is None:
        raise Refusal("no workspace above examples/grpc; run it in a clone of the repository")
    terminal.begin("executable", built, "building")
    before = built.stat().st_mtime if built.is_file() else None
    if shutil.which("cargo") is None and before is None:
        raise Refusal("cargo is missing; install Rust (1.89 or newer): https://rustup.rs")
    if shutil.which("cargo") is not None:
        command = ["cargo", "build", "--release", "--bin", "grpc", "--quiet"]
        environment.run(command, "cannot build the executable", root)
    after = built.stat().st_mtime if built.is_file() else None
    if after is None:
        raise Refusal("cargo built no target/release/grpc; is `build.target` set in a configuration of cargo?")
    terminal.done("ready" if after == before else "built")
    return built


def peers_file(asked: argparse.Namespace, directory: Path) -> Path:
    """The list of peers: the repository's, or one of our own where another count or other ports are asked for."""
    usual = HERE / "peers.yml"
    listed = read_peers(usual)
    count = asked.peers if asked.peers is not None else len(listed)
    if count < 1:
        raise Refusal("--peers wants a number of peers, at least 1")
    if asked.port is None and count == len(listed):
        return usual
    base = asked.port if asked.port is not None else 4000
    if not 0 < base <= 65536 - count:
        raise Refusal(f"--port wants a port, with {count - 1} more above it")
    own = directory / "peers.yml"
    own.write_text("".join(f"- 127.0.0.1:{base + peer}\n" for peer in range(count)), encoding="utf-8")
    return own


def empty(directory: Path) -> None:
    """Removes the peers' data, and nothing that is not theirs."""
    for place in directory.iterdir() if directory.is_dir() else ():
        if place.name.isdecimal() and place.is_dir():
            shutil.rmtree(place)


def greeting(terminal: Terminal, flock: Flock, peers: Path, leader: int, seconds: float) -> None:
    """What to do now."""
    client = f"python3 {shown(HERE / 'client.py')}"
    if peers != HERE / "peers.yml":
        client += f" --peers {shown(peers)}"
    up, count = len(flock.alive), len(flock.members)
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    word = words[count] if count < len(words) else str(count)
    others = words[count - 1] if count <= len(words) else str(count - 1)
    lines = [
        "",
        f"rsm: {up} {'peer' if up == 1 else 'peers'} up, peer {leader} leads, ready after {seconds:.1f} s. "
        "In another terminal:",
        f"    {client} put greeting hello",
        f"    {client} get greeting",
        f"    {client} status",
    ]
    if count > 2:
        pid = flock.members[leader].process.pid
        lines.append(f"    kill -9 {pid:<17}# the leader's front end: watch the other {others} elect")
    drains = {1: "it", 2: "both"}.get(count, f"all {word}")
    terminal.write("\n".join([*lines, f"    Ctrl-C drains {drains}."]))


def run(asked: argparse.Namespace, terminal: Terminal) -> int:
    """Makes, starts, shows, drains; the exit code."""
    directory = (asked.dir or target() / "cluster").absolute()
    if asked.snapshot_every < 1:
        raise Refusal("--snapshot-every wants a number of entries, at least 1")
    made = environment.prepare(terminal)
    executable = asked.executable.absolute() if asked.executable is not None else build(terminal)
    try:
        if asked.fresh:
            empty(directory)
        directory.mkdir(parents=True, exist_ok=True)
        peers = peers_file(asked, directory)
    except OSError as error:
        raise Refusal(f"cannot use {shown(directory)}: {error.strerror}; choose another with --dir") from None
    terminal.say(f"{'data':<14}{shown(directory)} (--fresh empties it)")
    command = [str(made.python), str(HERE / "peer.py"), "--watch-stdin", "--peers", str(peers)]
    command += ["--executable", str(executable), "--stubs", str(made.stubs)]
    command += ["--snapshot-every", str(asked.snapshot_every)]
    count = len(read_peers(peers))
    flock = Flock(terminal, lambda leader, seconds: greeting(terminal, flock, peers, leader, seconds))
    flock.start([[*command, "--id", str(peer), "--dir", str(directory / str(peer))] for peer in range(count)])
    return flock.run()


def main() -> int:
    """The exit code."""
    terminal = Terminal()
    try:
        asked = parser().parse_args()
        terminal = Terminal(asked.color)
        return run(asked, terminal)
    except Refusal as refusal:
        terminal.end()
        print(f"cluster.py: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        terminal.end()
        return 130


if __name__ == "__main__":
    sys.exit(main())
