"""Puts faults into a copy of the sources, one at a time, and holds that the test named for each fails.

A fault is a piece of text that stands once in its file, and what stands there instead. It is caught if its test, which
passes without it, fails or hangs. One that does not compile shows nothing; one whose text is gone is written anew.

    python3 scripts/faults.py                    all of them, some minutes
    python3 scripts/faults.py --only wheel       those with this in their name
    python3 scripts/faults.py --page             the table of docs/verification-sync.md besides; others' rows stay
    python3 scripts/faults.py --page --missing   those that the table has no row of
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fault_ends import MORE_FAULTS
from fault_list import FAULTS, Fault
from fault_turns import FAULTS_OF_TURNS
from programs import ROOT, put_into_page

EVERY = FAULTS + MORE_FAULTS + FAULTS_OF_TURNS
COPY = ROOT / "target" / "faults" / "sources"
PAGE = ROOT / "docs" / "verification-sync.md"
PASSED = re.compile(r"test result: ok\. ([1-9]\d*) passed")
PANIC = re.compile(r"panicked at [^\n]*:\n([^\n]*)")


@dataclass
class Row:
    """What came of one fault."""

    fault: Fault
    verdict: str
    how: str


def copy_sources() -> None:
    """The files that git knows or would take, as they are now; what has not changed keeps its time."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    wanted = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    for old in [path for path in COPY.rglob("*") if path.is_file()]:
        if str(old.relative_to(COPY)) not in wanted:
            old.unlink()
    for name in wanted:
        there, here = ROOT / name, COPY / name
        if not here.exists() or here.read_bytes() != there.read_bytes():
            here.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(there, here)


def build(target: str) -> tuple[Path | None, str]:
    """The executable of a test target, or why there is none. It is built fast, not to be fast."""
    what = ["--lib"] if target == "lib" else ["--test", target]
    what += ["--features", "tracing"] if target == "tracing" else []
    loom = target == "loom"
    # A model spends its time in loom, which is built once; what changes is built fast.
    how = ["--profile", "model", "--config", "profile.model.package.rsm.opt-level=1"] if loom else []
    flags = (
        {"RUSTFLAGS": "--cfg rsm_loom"}
        if loom
        else {"CARGO_PROFILE_DEV_OPT_LEVEL": "0", "CARGO_PROFILE_DEV_DEBUG": "0"}
    )
    into = str(ROOT / "target" / "faults" / ("loom" if loom else "plain"))
    env = os.environ | flags | {"CARGO_INCREMENTAL": "1", "CARGO_TARGET_DIR": into}
    command = ["cargo", "test", "-q", "-p", "rsm", *how, *what, "--no-run"]
    command += ["--message-format", "json-render-diagnostics"]
    made = subprocess.run(command, cwd=COPY, env=env, capture_output=True, text=True)
    messages = [json.loads(line) for line in made.stdout.splitlines() if line.startswith("{")]
    executables = [str(message["executable"]) for message in messages if message.get("executable")]
    return (Path(executables[-1]) if made.returncode == 0 else None), made.stderr


def run(fault: Fault, limit: float) -> tuple[str, str]:
    """How its test ends in the copy as it is: passes, fails, hangs, or does not compile; and what it said."""
    executable, why = build(fault.target)
    if executable is None:
        return "does not compile", why
    command = [str(executable), fault.test, "--nocapture", "--test-threads", "1"]
    env = os.environ | {"RUST_BACKTRACE": "0"}
    try:
        done = subprocess.run(
            command, cwd=COPY, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return "hangs", ""
    said = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        return "fails", said
    return ("passes" if PASSED.search(said) else "is not there"), said


def judge(fault: Fault, limit: float) -> Row:
    """Puts the fault in, runs its test, and takes it out again."""
    file = COPY / fault.file
    before = file.read_text(encoding="utf-8")
    if before.count(fault.old) != 1:
        return Row(fault, "its text is gone", "")
    try:
        file.write_text(before.replace(fault.old, fault.new), encoding="utf-8")
        how, said = run(fault, limit)
    finally:
        file.write_text(before, encoding="utf-8")
    panic = PANIC.search(said)
    message = panic[1].strip() if panic else how
    if how == "does not compile":
        return Row(fault, how, said[-2000:])
    return Row(fault, "caught" if how in ("fails", "hangs") else "not caught", message[:100])


def unsound(faults: list[Fault], limit: float) -> list[str]:
    """Tests that do not pass by themselves show nothing."""
    seen: dict[tuple[str, str], str] = {}
    for fault in faults:
        if (fault.target, fault.test) not in seen:
            seen[fault.target, fault.test] = run(fault, limit)[0]
    return [f"{target} {test}: {how}" for (target, test), how in seen.items() if how != "passes"]


def first_cells(fault: Fault) -> str:
    """What a row of the table says of the fault itself."""
    return f"| {fault.says} | {fault.file.removeprefix('src/')} | `{fault.test}` | "


def row_of(fault: Fault) -> str | None:
    """The row that the page has of a fault."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return next((line for line in lines if line.startswith(first_cells(fault))), None)


def table(rows: list[Row]) -> str:
    """The report, for the page: of those that were not run now the row that is there."""
    new = {first_cells(row.fault): row.how.replace("|", "\\|") for row in rows}
    lines: list[str | None] = ["| fault | where | found by | how |", "|---|---|---|---|"]
    for fault in EVERY:
        cells = first_cells(fault)
        lines.append(f"{cells}{new[cells]} |" if cells in new else row_of(fault))
    return "\n".join(line for line in lines if line) + "\n"


def main() -> int:
    """The exit code: 0 if each fault is caught."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--only", default="", metavar="WORD", help="faults with this in their name")
    parser.add_argument("--target", default="", metavar="NAME", help="faults that a test of this target finds")
    parser.add_argument("--limit", type=float, default=120.0, metavar="SECONDS", help="for each test")
    parser.add_argument("--page", action="store_true", help="puts the table into the page")
    parser.add_argument("--missing", action="store_true", help="those that the page has no row of")
    asked = parser.parse_args()
    faults = [fault for fault in EVERY if asked.only in fault.name and asked.target in fault.target]
    faults = [fault for fault in faults if not asked.missing or row_of(fault) is None]
    copy_sources()
    bad = unsound(faults, asked.limit)
    for why in bad:
        print(f"does not pass without a fault: {why}", flush=True)
    rows = []
    for fault in faults:
        row = judge(fault, asked.limit)
        rows.append(row)
        print(f"{fault.name:32} {row.verdict:16} {fault.test}: {row.how}", flush=True)
    if asked.page and not bad:
        put_into_page(PAGE, "faults", table(rows))
    open_ones = [row for row in rows if row.verdict != "caught"]
    print(f"{len(rows)} faults: {len(rows) - len(open_ones)} caught, {len(open_ones)} bad")
    return 1 if bad or open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
