"""Runs the models of `sync` and `fsm` with more preemptions, or the longer programs under more schedules, and counts.

What was explored is recorded in `docs/explored.json`: of each model the executions at each bound that it has finished,
of each program the sum of all schedules that chance has drawn for it.

    python3 scripts/explore.py models                        as the gate runs them
    python3 scripts/explore.py models --more 1 --limit 600   one preemption more, ten minutes each at most
    python3 scripts/explore.py programs --schedules 1000000  so many of each program besides
    python3 scripts/explore.py programs --only pool          those of the pool alone
    python3 scripts/explore.py page                          the tables of docs/verification-sync.md
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from programs import LOOM, ROOT, SHUTTLE, build, put_into_page

TOTALS = ROOT / "docs" / "explored.json"
PAGE = ROOT / "docs" / "verification-sync.md"
DONE = re.compile(r"(?:model|program) ([^:\n]+): (\d+) (?:executions|schedules), ([\d.]+) s\n")


def run(executable: Path, settings: dict[str, str], limit: float | None) -> tuple[str, str]:
    """How it ended (well, badly, late), and what it said."""
    command = [str(executable), "--nocapture", "--test-threads", "1"]
    env = os.environ | settings
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return "late", ""
    return ("well" if done.returncode == 0 else "badly"), done.stdout.decode(errors="replace")


def counted(said: str) -> dict[str, tuple[int, float]]:
    """What was run, and in how many seconds: a model that runs in several ways is one."""
    found: dict[str, tuple[int, float]] = {}
    for name, count, seconds in DONE.findall(said):
        before = found.get(name, (0, 0.0))
        found[name] = (before[0] + int(count), round(before[1] + float(seconds), 1))
    return found


def models(totals: dict[str, Any], more: int, limit: float, only: str) -> bool:
    """Runs each model by itself; whether none failed. One that is late is left out."""
    executable = build(LOOM)
    names = re.findall(r"model ([^\n]+)\n", run(executable, {"RSM_MODEL": ""}, None)[1])
    good = True
    for name in sorted({name for name in names if only in name}):
        how, said = run(executable, {"RSM_MODEL": name, "RSM_PREEMPTIONS": str(more)}, limit)
        executions, seconds = counted(said).get(name, (0, 0.0))
        ending = {"well": f"{executions} executions, {seconds} s", "late": f"not done in {limit:.0f} s"}
        print(f"model {name}, {more} more preemptions: {ending.get(how, said)}", flush=True)
        good &= how != "badly"
        if how == "well":
            totals["models"].setdefault(name, {})[str(more)] = {"executions": executions, "seconds": seconds}
            keep(totals)
    return good


def programs(totals: dict[str, Any], schedules: int, only: str) -> bool:
    """Runs all programs, or those of a name, under so many schedules; whether none failed."""
    how, said = run(build(SHUTTLE), {"RSM_SCHEDULES": str(schedules), "RSM_PROGRAM": only}, None)
    for name, (count, seconds) in counted(said).items():
        print(f"program {name}: {count} schedules, {seconds} s")
        total = totals["programs"].setdefault(name, {"schedules": 0, "seconds": 0.0})
        total["schedules"] += count
        total["seconds"] = round(total["seconds"] + seconds, 1)
    keep(totals)
    if how != "well":
        print(said)
    return how == "well"


def keep(totals: dict[str, Any]) -> None:
    """Writes the totals down."""
    TOTALS.write_text(json.dumps(totals, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def tables(totals: dict[str, Any]) -> None:
    """Puts what was explored into the page."""
    lines = ["| model | executions | s | with one preemption more | s |", "|---|---:|---:|---:|---:|"]
    for name, bounds in sorted(totals["models"].items()):
        cells = [bounds.get(more, {"executions": "", "seconds": ""}) for more in ("0", "1")]
        lines.append(f"| {name} | " + " | ".join(f"{cell['executions']} | {cell['seconds']}" for cell in cells) + " |")
    put_into_page(PAGE, "models", "\n".join(lines) + "\n")
    lines = ["| program | schedules | s |", "|---|---:|---:|"]
    for name, total in sorted(totals["programs"].items()):
        lines.append(f"| {name} | {total['schedules']} | {total['seconds']} |")
    put_into_page(PAGE, "programs", "\n".join(lines) + "\n")


def main() -> int:
    """The exit code: 0 if nothing failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=["models", "programs", "page"])
    parser.add_argument("--more", type=int, default=0, help="preemptions besides those that a model names")
    parser.add_argument("--limit", type=float, default=600.0, metavar="SECONDS", help="for each model")
    parser.add_argument("--only", default="", metavar="WORD", help="those with this in their name")
    parser.add_argument("--schedules", type=int, default=100_000, help="for each program")
    asked = parser.parse_args()
    totals = json.loads(TOTALS.read_text(encoding="utf-8")) if TOTALS.exists() else {"models": {}, "programs": {}}
    if asked.what == "models":
        good = models(totals, asked.more, asked.limit, asked.only)
    else:
        good = asked.what == "page" or programs(totals, asked.schedules, asked.only)
    tables(totals)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
