"""Tells what all campaigns of the simulator have come to, as docs/verification.md quotes it.

    python3 scripts/campaign.py             writes the tables and the marks of *Campaigns* anew
    python3 scripts/campaign.py --check     fails if they are not what the files of sim/campaigns say, or if
                                            the second's seeds meet a mark more rarely than sim/marks.txt asks for

A campaign goes on, and its sums grow, by

    cargo sim --minutes 60 --milliseconds 20000 --resume sim/campaigns/second.txt
"""

import re
import sys
import textwrap
from math import isqrt
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "verification.md"
FIRST = ROOT / "sim" / "campaigns" / "first.txt"
SECOND = ROOT / "sim" / "campaigns" / "second.txt"
FLOORS = ROOT / "sim" / "marks.txt"
SUMS = "| sum | first | second | together |\n"
MARKS = "| mark | seeds that met it | of so many |\n"
ALL_MARKS = "All of them, by how many seeds have met each:\n"
# No line of the page is longer.
WIDTH = 150
# So many marks stand in the table, those that the fewest seeds have met.
RAREST = 12
# One seed of so many meets a mark of this floor, as sim/src/marks.rs has it.
ONE_OF = {"mandatory": 100, "nightly": 100_000}

Sums = dict[str, int]


class Mark(NamedTuple):
    """How many seeds have met it, of how many whose build could count it."""

    name: str
    seeds: int
    of: int


def sums(path: Path) -> Sums:
    """The sums of a campaign, by their names."""
    line = next(line for line in path.read_text().splitlines() if line.startswith("seeds "))
    parts = (part.rsplit(" ", 1) for part in line.split(", "))
    return {name: int(count) for name, count in parts}


def marks(path: Path) -> list[Mark]:
    """All marks of a campaign: lines of a name and three numbers."""
    found = re.findall(r"^([a-z-]+) \d+ (\d+) (\d+)$", path.read_text(), re.MULTILINE)
    return [Mark(name, int(seeds), int(of)) for name, seeds, of in found]


def sums_table(first: Sums, second: Sums) -> str:
    """What has been counted. The first was quoted in part."""
    told = ((name, first.get(name), two) for name, two in second.items())
    rows = (
        f"| {name} | {'-' if one is None else f'{one:,}'} | {two:,} | {(one or 0) + two:,} |\n"
        for name, one, two in told
    )
    return f"{SUMS}|---|---|---|---|\n" + "".join(rows)


def marks_table(met: list[Mark]) -> str:
    """The rarest of those that were met at all."""
    rarest = sorted((mark for mark in met if mark.seeds), key=lambda mark: (mark.seeds / mark.of, mark.name))[:RAREST]
    rows = (f"| `{mark.name}` | {mark.seeds:,} | {mark.of:,} |\n" for mark in rarest)
    return f"{MARKS}|---|---|---|\n" + "".join(rows)


def all_marks(met: list[Mark]) -> str:
    """Each mark that was met, as lines of a page."""
    lines = []
    for of in sorted({mark.of for mark in met}, reverse=True):
        alike = sorted((mark.seeds, mark.name) for mark in met if mark.seeds and mark.of == of)
        words = ", ".join(f"{seeds:,} `{name}`" for seeds, name in alike)
        lines.append(textwrap.fill(f"Of {of:,} seeds {words}.", WIDTH, break_on_hyphens=False) + "\n")
    return ALL_MARKS + "".join(lines)


def floors() -> dict[str, str]:
    """The floor of each mark, by its name."""
    lines = (line.split("#")[0].split() for line in FLOORS.read_text().splitlines())
    return {line[1]: line[0] for line in lines if line}


def is_short(floor: str, mark: Mark) -> bool:
    """Whether so few seeds have met it that chance explains it once in forty times, if that (two deviations)."""
    if floor == "never":
        return mark.seeds > 0
    due = mark.of // ONE_OF[floor]
    return due > 0 and (mark.seeds == 0 or mark.seeds + 2 * isqrt(due) < due)


def short(met: list[Mark]) -> list[str]:
    """What falls short of its floor. A former mark has none, and a new one is asked of the seeds run since."""
    asked = floors()
    of = ((asked[mark.name], mark) for mark in met if mark.name in asked)
    return [f"{floor} {mark.name}: {mark.seeds} of {mark.of} seeds" for floor, mark in of if is_short(floor, mark)]


def put(page: str, table: str) -> str:
    """The page with this table in the place of the one with its head."""
    head = table[: table.index("\n") + 1]
    begin = page.index(head)
    return page[:begin] + table + page[page.index("\n\n", begin) + 1 :]


def main() -> int:
    """Writes the tables, or compares them."""
    page = PAGE.read_text()
    told = put(page, sums_table(sums(FIRST), sums(SECOND)))
    told = put(told, marks_table(marks(SECOND)))
    told = put(told, all_marks(marks(SECOND)))
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(told)
        return 0
    late = short(marks(SECOND))
    if late:
        print("\n".join(["sim/campaigns/second.txt falls short of sim/marks.txt:", *late]))
        return 1
    if told != page:
        print("docs/verification.md quotes other sums than sim/campaigns: python3 scripts/campaign.py writes them")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
