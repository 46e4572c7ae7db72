"""A failing seed of each mutant is made small: at most 25 events, within 60 seconds, and breaks the same rule.

It is the first that fails; or, where nothing small is left of that, the next, five at most. One that breaks the control
is passed over: a script is none.

Seconds are those for which it has a processor. The story is kept as a file, told again in a process of its own under
the mutant, where it must break that rule, and without it, where it must hold. Prints a table; the exit code is 1 if
some mutant that seeds find has no such story.

    python3 scripts/shrink.py                    # all mutants that seeds find
    python3 scripts/shrink.py vote-twice ...     # these
"""

import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIM = ROOT / "target" / "sim" / "release" / "rsm-sim"
SEEDS = 1000
TRIES = 5
EVENTS_MAX = 25
SECONDS_MAX = 60


def sim(*arguments: str) -> tuple[int, str]:
    """The exit code, and what stands on stdout."""
    ran = subprocess.run([SIM, *arguments], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout


def worked() -> float:
    """For how long those it ran have had a processor, in seconds: other work on the machine is not counted."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def shrunk(mutant: str, folder: Path) -> tuple[str, bool]:
    """A row of the table, and whether all is well."""
    under, first, rows = ("--milliseconds", "5000", "--mutant", mutant), 0, list[str]()
    while len(rows) < TRIES and first < SEEDS:
        _, found = sim("--from", str(first), "--seeds", str(SEEDS - first), *under)
        seed = re.search(r"^seed (\d+) breaks (\w+)", found, re.MULTILINE)
        if seed is None:
            break
        first = int(seed[1]) + 1
        if seed[2] == "control":
            continue
        row, well = made_small(mutant, int(seed[1]), folder / f"{mutant}-{seed[1]}.txt")
        if well:
            return row, True
        rows.append(row)
    return (rows[0], False) if rows else (f"| `{mutant}` | no seed of {SEEDS} but controls | | | | | |", True)


def made_small(mutant: str, seed: int, file: Path) -> tuple[str, bool]:
    """The row of one seed, and whether all is well."""
    under, began = ("--mutant", mutant), worked()
    _, story = sim("--seed", str(seed), "--milliseconds", "5000", *under, "--minimize")
    took = worked() - began
    said = re.search(r"breaks (\w+);.*\n# (\d+) faults and calls of (\d+), .* with (\d+) of", story)
    if said is None:
        return f"| `{mutant}` | {seed} | {story.splitlines()[0]} | | | | |", False
    rule, now, before, steady = said.groups()
    file.write_text(story)
    broken, told = sim("--scenario", str(file), *under)
    holds, _ = sim("--scenario", str(file))
    again = broken == 1 and (f"breaks {rule}:" in told or f"{rule}:" in told)
    well = again and holds == 0 and int(now) <= EVENTS_MAX and took <= SECONDS_MAX
    doubt = "" if well else f" **again: {told.strip()}, without: {holds}**"
    return f"| `{mutant}` | {seed} | {rule}{doubt} | {before} | {now} | {took:.0f} | {steady} |", well


def main(names: list[str]) -> int:
    """The exit code."""
    folder = Path(tempfile.mkdtemp(prefix="rsm-shrunk-"))
    print("| mutant | seed | rule | faults and calls before | now | seconds | of the seeds 1 to 10 |")
    print("|---|---|---|---|---|---|---|")
    wrong = 0
    for mutant in names or mutants():
        row, well = shrunk(mutant, folder)
        wrong += not well
        print(row, flush=True)
    print(f"{wrong} without a story; the others: {folder}")
    return 1 if wrong else 0


def mutants() -> list[str]:
    """All of this build, in the order of their list."""
    return [line.split("`")[1] for line in sim("--mutants", "--seeds", "0")[1].splitlines() if line.startswith("| `")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
