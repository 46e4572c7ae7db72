"""Counts the instructions of a simulated step and of an answered operation, and compares them with what they were.

Time says little on a machine that does other things too; instructions are the same each time. They are counted by
whichever of `perf` and valgrind there is a figure of, or else is there, on the load of `cargo sim --bench`, which must
have been built.

    cargo sim --help > /dev/null && python3 scripts/sim_instructions.py
    python3 scripts/sim_instructions.py --write       a new figure, when a change is worth what it costs
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "target" / "sim" / "release" / "rsm-sim"
FIGURES = ROOT / "sim" / "instructions.txt"
SEEDS = 5
MILLISECONDS = 5_000
# More than so many hundredths above the figure is a step back; below it the figure is out of date, and said to be. How
# many steps an operation takes differs from seed to seed: a change that only draws otherwise must not look like one
# that costs.
TOLERANCES = {"a step": 5, "an operation": 12}
# How glibc fills and copies differs between processors, and valgrind counts each byte of some of its ways.
TUNABLES = "glibc.cpu.x86_rep_stosb_threshold=1000000000:glibc.cpu.x86_rep_movsb_threshold=1000000000"
HEAD = """\
# Instructions of a simulated step, and of an answered operation, by who counts them: scripts/sim_instructions.py
# compares, and writes this.
# Another compiler makes other code, so a figure speaks of one only.
"""

Counter = tuple[str, list[str], str]

COUNTERS: list[Counter] = [
    ("perf", ["perf", "stat", "-x", ",", "-e", "instructions:u"], r"^(\d+),.*instructions:u"),
    ("valgrind", ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], r"Collected : (\d+)"),
]


def said(counter: list[str], command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """What a counted command prints."""
    environment = os.environ | {"GLIBC_TUNABLES": TUNABLES}
    return subprocess.run([*counter, *command], capture_output=True, text=True, env=environment)


def usable() -> Counter | None:
    """Who can count here: one whose figure there is before all others, so that it is compared wherever it can be."""
    known = {name for name, rustc in figures() if rustc == compiler()}
    for name, command, pattern in sorted(COUNTERS, key=lambda counter: counter[0] not in known):
        if shutil.which(command[0]) and re.search(pattern, said(command, ["/bin/true"]).stderr, re.MULTILINE):
            return name, command, pattern
    return None


class Cost(NamedTuple):
    """Instructions of one step, and of one answered operation."""

    step: int
    operation: int


def cost(counter: Counter) -> Cost:
    """Over all seeds of the load."""
    _, command, pattern = counter
    instructions, steps, operations = 0, 0, 0
    for seed in range(SEEDS):
        load: list[str | Path] = [BINARY, "--bench-seed", "--from", str(seed), "--milliseconds", str(MILLISECONDS)]
        came = said(command, load)
        counted = re.search(pattern, came.stderr, re.MULTILINE)
        done = re.search(r"steps (\d+), .*acknowledged (\d+), reads (\d+),", came.stdout)
        if came.returncode != 0 or counted is None or done is None:
            sys.exit(f"seed {seed} of the load did not run whole:\n{came.stdout}{came.stderr}")
        instructions += int(counted[1])
        steps += int(done[1])
        operations += int(done[2]) + int(done[3])
    a_second = operations * 1000 / SEEDS / MILLISECONDS
    print(f"{steps / operations:.1f} steps an operation, {a_second:.0f} operations a second")
    return Cost(round(instructions / steps), round(instructions / operations))


def compiler() -> str:
    """By its name and version."""
    return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def figures() -> dict[tuple[str, str], Cost]:
    """What the repository says, by counter and compiler."""
    lines = FIGURES.read_text(encoding="utf-8").splitlines() if FIGURES.exists() else []
    found = [re.fullmatch(r"(\w+) (\d+) (\d+) (.+)", line) for line in lines]
    return {(line[1], line[4]): Cost(int(line[2]), int(line[3])) for line in found if line is not None}


def write(known: dict[tuple[str, str], Cost], counter: str, now: Cost) -> None:
    """The figures, the one of this counter being the present one."""
    kept = {key: figure for key, figure in known.items() if key[0] != counter} | {(counter, compiler()): now}
    lines = [f"{name} {cost.step} {cost.operation} {rustc}\n" for (name, rustc), cost in sorted(kept.items())]
    FIGURES.write_text(HEAD + "".join(lines), encoding="utf-8")


def is_worse(what: str, before: int, now: int) -> bool:
    """Compares, and says what it finds."""
    share, tolerance = 100 * (now - before) / before, TOLERANCES[what]
    print(f"{now} instructions {what}, {before} by sim/instructions.txt: {share:+.1f} %")
    if share > tolerance:
        print(f"over {tolerance} % more: mend it, or say why it is worth that, and write the figure anew (--write)")
    if share < -tolerance:
        print("faster: write the figure anew (--write), or the gain can be lost unseen")
    return share > tolerance


def main() -> int:
    """The exit code: 1 if a step or an operation costs more than it did."""
    if not BINARY.exists():
        sys.exit(f"{BINARY.relative_to(ROOT)} is not there: cargo sim --help builds it")
    counter = usable()
    if counter is None:
        print("INSTRUCTIONS NOT COUNTED: perf may not here, and there is no valgrind (apt-get install valgrind)")
        return 0
    now, known = cost(counter), figures()
    print(f"{now.step} instructions a step, {now.operation} an operation, as {counter[0]} counts them")
    if "--write" in sys.argv[1:]:
        write(known, counter[0], now)
        return 0
    before = known.get((counter[0], compiler()))
    if before is None:
        print(f"NOT COMPARED: sim/instructions.txt has no figure of {counter[0]} for {compiler()}")
        return 0
    worse = [is_worse("a step", before.step, now.step), is_worse("an operation", before.operation, now.operation)]
    return int(any(worse))


if __name__ == "__main__":
    sys.exit(main())
