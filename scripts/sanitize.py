"""Runs `sync`, and what of `fsm` has threads, under what nightly offers, and says what could not run.

That is AddressSanitizer, ThreadSanitizer, Miri; the last for `sync` alone, as the others take minutes without it.

ThreadSanitizer wants std built with it (the component `rust-src`): mixed with an ordinary std it reports races in
correct programs.

    python3 scripts/sanitize.py --times 10                             stresses ten times as long as `cargo test` does
    python3 scripts/sanitize.py --page docs/verification-sync.md       what came of it, between the marks of a page
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from programs import ROOT, put_into_page

RESULT = re.compile(r"test result: ok\. (\d+) passed")


def said(*command: str) -> str | None:
    """What a command prints; nothing if it cannot be run."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def host() -> str:
    """The target that programs are built for, named, so that build scripts are not sanitized with them."""
    found = re.search(r"host: (\S+)", said("rustc", "+nightly", "-vV") or "")
    return found[1] if found else ""


def has_sources() -> bool:
    """Whether std can be built anew."""
    return (Path(said("rustc", "+nightly", "--print", "sysroot") or "") / "lib/rustlib/src/rust/library/std").is_dir()


@dataclass(frozen=True)
class Tool:
    """One that watches a run."""

    name: str
    # Why it cannot run here; empty if it can.
    lacks: Callable[[], str]
    command: list[str]
    runs: list[list[str]]
    settings: dict[str, str] = field(default_factory=dict)


def tools() -> list[Tool]:
    """The three."""
    over = [["--lib", "sync::"], ["--test", "stress"]]
    # One test lets its process have no more memory: none of the sanitizers can live so.
    unlimited = ["--", "--skip", "where_no_thread_can_be_made"]
    automata = [["--test", "accounts"], ["--test", "pool", *unlimited]]
    target = ["--target", host()]
    flags = "-Cdebuginfo=1 -Zsanitizer="
    leaks = {"ASAN_OPTIONS": "detect_leaks=1", "LSAN_OPTIONS": f"suppressions={ROOT / 'scripts/leaks.txt'}"}
    return [
        Tool(
            "AddressSanitizer",
            lambda: "",
            ["test", *target, "--target-dir", "target/asan"],
            over + automata,
            {"RUSTFLAGS": f"{flags}address", **leaks},
        ),
        Tool(
            "ThreadSanitizer",
            lambda: "" if has_sources() else "std cannot be built with it: rustup +nightly component add rust-src",
            ["test", *target, "-Zbuild-std", "--target-dir", "target/tsan"],
            over + automata,
            {"RUSTFLAGS": f"{flags}thread"},
        ),
        Tool(
            "Miri",
            lambda: "" if said("cargo", "+nightly", "miri", "--version") else "rustup +nightly component add miri",
            ["miri", "test", "--target-dir", "target/miri"],
            over,
            {"MIRIFLAGS": "-Zmiri-strict-provenance -Zmiri-many-seeds=0..64"},
        ),
    ]


@dataclass(frozen=True)
class Outcome:
    """What came of one run, or of none."""

    tool: str
    over: str
    how: str
    seconds: int
    sound: bool


def run(tool: Tool, times: int) -> list[Outcome]:
    """One for each run; prints them as they come."""
    lacks = tool.lacks() if host() else "there is no nightly toolchain"
    if lacks:
        print(f"{tool.name}: cannot run here: {lacks}", flush=True)
        return [Outcome(tool.name, "", f"cannot run here: {lacks}", 0, True)]
    outcomes = []
    for what in tool.runs:
        start = time.monotonic()
        # Not optimized: building is what takes the time.
        length = {"RSM_STRESS": str(times), "RSM_STRESS_SECONDS": "60"}
        env = os.environ | tool.settings | length | {"CARGO_PROFILE_DEV_OPT_LEVEL": "0"}
        command = ["cargo", "+nightly", *tool.command, "-p", "rsm", *what]
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        passed = RESULT.search(done.stdout) if done.returncode == 0 else None
        how = f"{passed[1]} tests sound" if passed else "FAILED"
        seconds = round(time.monotonic() - start)
        print(f"{tool.name}: {' '.join(what)}: {how}, {seconds} s", flush=True)
        if not passed:
            print(done.stdout)
        outcomes.append(Outcome(tool.name, f"`{' '.join(what)}`", how, seconds, passed is not None))
    return outcomes


def table(outcomes: list[Outcome], times: int) -> str:
    """The record, for a page."""
    rows = [f"| {one.tool} | {one.over} | {one.how} | {one.seconds or ''} |" for one in outcomes]
    head = [f"`--times {times}`, {said('rustc', '+nightly', '--version')}:", "", "| tool | over | found | s |"]
    return "\n".join([*head, "|---|---|---|---:|", *rows]) + "\n"


def main() -> int:
    """The exit code: 0 if nothing that could run has found anything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--times", type=int, default=10, help="as long as the stress of cargo test")
    parser.add_argument("--page", type=Path, metavar="FILE", help="puts the record into this page, between its marks")
    asked = parser.parse_args()
    outcomes = [outcome for tool in tools() for outcome in run(tool, asked.times)]
    if asked.page:
        put_into_page(asked.page, "sanitizers", table(outcomes, asked.times))
    return 0 if all(outcome.sound for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
