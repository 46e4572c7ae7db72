"""Makes each ordering of `sync` and `fsm` Relaxed in turn, and holds that the model that its comment names fails.

One build of the models serves all flips: `RSM_WEAKEN` names the access, `RSM_MODEL` the model
(`src/sync/shim/weaken.rs`). A flip is caught by a panic of the model itself: two threads in one cell, an assertion, or
a thread that sleeps for ever. A model that only spins, runs out of time or never comes by the place has caught nothing;
such an ordering needs its litmus. Where a comment names several models each must catch it, or the other half of it.

    python3 scripts/weaken.py                                all of them, some minutes
    python3 scripts/weaken.py --only src/sync/lock           those of some files
    python3 scripts/weaken.py --json FILE --page FILE        kept, and taken up again; the table of a page
    python3 scripts/weaken.py --check FILE                   whether the page's table is of today's code; runs nothing
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from orderings import Access, accesses
from programs import LOOM, ROOT, build, put_into_page

PANIC = re.compile(r"panicked at ([^\n]*?):\d+:\d+:\n((?:[^\n]+\n)+)")
OTHER_HALF = "of the other half"
GOOD = ("caught", "litmus", OTHER_HALF)


@dataclass
class Row:
    """What came of one flip."""

    place: str
    function: str
    method: str
    ordering: str
    model: str
    verdict: str
    how: str
    seconds: float
    flip: str


@dataclass
class Runner:
    """Runs models of one build."""

    executable: Path
    limit: float

    def __post_init__(self) -> None:
        """Nothing is known of any model yet."""
        self.sound: dict[str, str] = {}

    def run(self, model: str, flip: str | None) -> str:
        """What a model says; ends with `timeout` if it says too little too late."""
        env = os.environ | {"RSM_MODEL": model, "RUST_BACKTRACE": "0"} | ({"RSM_WEAKEN": flip} if flip else {})
        command = [str(self.executable), "--nocapture", "--test-threads", "1"]
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=self.limit
            )
            return done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired as late:
            return (late.stdout or b"").decode(errors="replace") + "\ntimeout"

    def why_unsound(self, model: str) -> str:
        """Why a model is of no use as it is; empty if it is of use."""
        if model not in self.sound:
            said = self.run(model, None)
            ran = f"model {model}: " in said
            if said.endswith("\ntimeout"):
                self.sound[model] = "too long by itself"
            else:
                why = "fails by itself" if ran else "no such model"
                self.sound[model] = "" if ran and "test result: ok" in said else why
        return self.sound[model]

    def flip(self, access: Access, model: str) -> tuple[str, str]:
        """The verdict, and by what."""
        why = self.why_unsound(model)
        if why:
            return why, ""
        said = self.run(model, access.flip)
        if f"weakened {access.file}:{access.line}" not in said:
            return "not reached", ""
        panic = PANIC.search(said)
        if panic:
            return judged(panic[1], " ".join(panic[2].partition("note: run with")[0].split()))
        return ("out of time" if said.endswith("\ntimeout") else "not caught"), ""


def judged(place: str, message: str) -> tuple[str, str]:
    """Whether a panic is the model's own answer."""
    if message.startswith("Causality violation"):
        return "caught", "race"
    if message.startswith("deadlock"):
        return "caught", "lost wake"
    if "maximum number of branches" in message:
        return "only spins", ""
    # The models' runner: this one explores too little.
    if place != "src/sync/model.rs" and place.startswith(("src/", "tests/")):
        return "caught", f"assert: {message[:90]}"
    return "fails elsewhere", f"{place}: {message[:90]}"


def judge(runner: Runner, access: Access, model: str) -> Row:
    """Tries one of the models that the comment names; none, if it names none."""
    start = time.monotonic()
    verdict, how = runner.flip(access, model) if model else ("no model", "")
    if verdict != "caught" and access.has_litmus:
        verdict, how = "litmus", verdict if model else ""
    place = f"{access.file}:{access.line}"
    seconds = round(time.monotonic() - start, 1)
    return Row(place, access.function, access.method, access.shown, model, verdict, how, seconds, access.flip)


def pardon_halves(rows: list[Row]) -> None:
    """A model that is named for one half of an access need not see the other, if another model does."""
    for row in (row for row in rows if row.verdict == "not caught"):
        others = [one for one in rows if one.place == row.place and one.verdict == "caught"]
        if any(one.flip == row.flip for one in others) and any(one.model == row.model for one in others):
            row.verdict = OTHER_HALF


def table(rows: list[Row]) -> str:
    """The report, for a page: places by function, as lines move."""
    lines = ["| file | function | access | ordering | model | verdict | by |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        file = row.place.removeprefix("src/").split(":", maxsplit=1)[0]
        how = row.how.replace("|", "\\|")
        cells = (file, f"`{row.function}`", f"`{row.method}`", row.ordering, row.model, row.verdict, how)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def named(access: Access) -> tuple[str, ...]:
    """The models to try: each that is named, once; or nobody."""
    return tuple(dict.fromkeys(access.models)) or ("",)


def differences(page: Path, wanted: list[Access]) -> list[str]:
    """What the page's table has that the code has not, and what it lacks."""
    text = page.read_text(encoding="utf-8").split("<!-- weaken: begin -->")[1].split("<!-- weaken: end -->")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")[:5]] for line in text.splitlines() if "`" in line]
    there = Counter(" ".join(row) for row in cells)
    rows = [(access, model) for access in wanted for model in named(access)]
    due = Counter(
        " ".join((one.file.removeprefix("src/"), f"`{one.function}`", f"`{one.method}`", one.shown, model)).strip()
        for one, model in rows
    )
    there = Counter({row.strip(): count for row, count in there.items()})
    return [f"not in the code: {row}" for row in (there - due)] + [f"not in the page: {row}" for row in (due - there)]


def parsed() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--only", default="", metavar="PREFIX", help="of a file's path, as src/sync/lock")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="keeps the rows, which are not run again by the same build"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="puts the table into this page, between its marks")
    parser.add_argument("--limit", type=float, default=60.0, metavar="SECONDS", help="for each run of a model")
    parser.add_argument("--check", type=Path, metavar="FILE", help="holds that a page's table is of today's code")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="so many runs at a time")
    parser.add_argument("--list", action="store_true", help="says what would be flipped, and flips nothing")
    return parser.parse_args()


def is_due(row: Row | None) -> bool:
    """Whether it is to be run: a good one that is kept is not."""
    return row is None or row.verdict not in GOOD


def judge_all(wanted: list[Access], limit: float, kept: Path | None, jobs: int) -> list[Row]:
    """A row for each access and model that its comment names."""
    executable = build(LOOM)
    stamp = hashlib.sha256(executable.read_bytes()).hexdigest()
    before = json.loads(kept.read_text()) if kept and kept.exists() else {}
    kept_rows = before.get("rows", []) if before.get("build") == stamp else []
    known = {(row["flip"], row["model"]): Row(**row) for row in kept_rows}
    runner = Runner(executable, limit)
    keys = [(access, model) for access in wanted for model in named(access)]
    due = [key for key in keys if is_due(known.get((key[0].flip, key[1])))]
    with ThreadPoolExecutor(jobs) as pool:
        for row in pool.map(lambda key: judge(runner, *key), due):
            known[row.flip, row.model] = row
            if kept:
                so_far = [asdict(row) for row in known.values()]
                kept.write_text(json.dumps({"build": stamp, "rows": so_far}, indent=1))
            what = f"{row.place:34} {row.ordering:18} {row.model:28} {row.verdict:12}"
            print(f"{what} {row.seconds:5.1f} s  {row.how}", flush=True)
    rows = [known[access.flip, model] for access, model in keys]
    pardon_halves(rows)
    return rows


def main() -> int:
    """The exit code: 0 if each flip is caught, or has its litmus."""
    asked = parsed()
    wanted = [access for access in accesses() if access.file.startswith(asked.only)]
    if asked.check:
        found = differences(asked.check, wanted)
        print("\n".join(found) or f"{asked.check}: each ordering has its row")
        return 1 if found else 0
    if asked.list:
        for access in wanted:
            print(access.flip, access.method, access.shown, *access.models, "litmus" if access.has_litmus else "")
        return 0
    rows = judge_all(wanted, asked.limit, asked.json, asked.jobs)
    if asked.page:
        put_into_page(asked.page, "weaken", table(rows))
    caught, litmus, halves = (sum(row.verdict == verdict for row in rows) for verdict in GOOD)
    bad = [row for row in rows if row.verdict not in GOOD]
    for row in bad:
        print(f"BAD {row.place} {row.ordering} {row.model}: {row.verdict} {row.how}")
    counts = f"{caught} caught, {litmus} with their litmus, {halves} {OTHER_HALF}, {len(bad)} bad"
    print(f"{len(rows)} flips by models: {counts}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
