"""One seed is one run: in two processes, in debug and in release, and on wasm32 under Node where both are present.

Five seeds of twenty simulated seconds, each with a hundred thousand steps or more; what waits for marks is left out,
since a build that counts none never meets it. Then the sums of eight seeds on one worker and on eight, and one packet
of a story with none, with one and with another of its bits flipped. The binaries are those of `cargo sim` and of
`cargo test`, and are built first.

    python3 scripts/one_hash.py
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RELEASE = ROOT / "target" / "sim" / "release" / "rsm-sim"
DEBUG = ROOT / "target" / "debug" / "rsm-sim"
WASM = "wasm32-wasip1"
WASM_BINARY = ROOT / "target" / WASM / "release" / "rsm-sim.wasm"
STEPS_MIN = 100_000
SEEDS = 5
# What runs a program of WASI under Node: its arguments are the program's.
NODE = """
const { WASI } = require("node:wasi");
const [path, ...rest] = process.argv.slice(1);
const wasi = new WASI({ version: "preview1", args: ["rsm-sim", ...rest], env: {} });
WebAssembly.instantiate(require("node:fs").readFileSync(path), wasi.getImportObject()).then((made) =>
  process.exit(wasi.start(made.instance)),
);
"""


def said(command: list[str | Path]) -> str:
    """What it prints; it must not fail."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def run_of(command: list[str | Path], seed: int) -> str:
    """What a run of that seed prints, but for its marks, which only some builds count, and its speed behind them."""
    return re.sub(r", (\d+ of \d+|no) marks.*", "", said([*command, *arguments(seed)]))


def steps(command: list[str | Path]) -> str:
    """The steps of a trace: what stands behind them names the file, and says how fast it was."""
    return "".join(line for line in said(command).splitlines(keepends=True) if line.startswith('{"step"'))


def arguments(seed: int) -> list[str]:
    """One seed, without what waits for marks."""
    return ["--seed", str(seed), "--milliseconds", "20000", "--unaimed"]


def wasm() -> list[str | Path] | None:
    """How to run the simulator on wasm32; None, and why on stderr, where that cannot be."""
    installed = said(["rustup", "target", "list", "--installed"]) if shutil.which("rustup") else ""
    node = shutil.which("node")
    if WASM not in installed.split() or node is None:
        wanted = "Node" if node is None else f"the target: rustup target add {WASM}"
        print(f"SKIPPED: {WASM} was not run, for want of {wanted}", file=sys.stderr)
        return None
    build = ["cargo", "build", "--quiet", "--release", "-p", "rsm-sim", "--target", WASM]
    subprocess.run(build, cwd=ROOT, check=True)
    return [node, "--no-warnings", "-e", NODE, WASM_BINARY]


def built() -> None:
    """Both binaries are of today's code: the one as the alias of `cargo sim` builds it."""
    alias = re.search(r"^sim = (\[.*\])$", (ROOT / ".cargo" / "config.toml").read_text(), re.MULTILINE)
    if alias is None:
        raise SystemExit("one_hash: .cargo/config.toml has no alias `sim`")
    run: list[str] = json.loads(alias[1])
    release = ["cargo", "build", *run[1 : run.index("--")]]
    environment = {name: value for name, value in os.environ.items() if name != "RUSTFLAGS"}
    for build in (release, ["cargo", "build", "--quiet", "-p", "rsm-sim"]):
        subprocess.run(build, cwd=ROOT, check=True, env=environment)


def workers() -> bool:
    """Whether eight seeds come to the same sums and marks on one worker and on eight."""
    command: list[str | Path] = [RELEASE, "--seeds", "8", "--milliseconds", "5000", "--marks", "--workers"]
    # The last line ends with how fast it was.
    one, eight = (re.sub(r", \d+ cluster-seconds .*", "", said([*command, count])) for count in ("1", "8"))
    print(f"eight seeds on one worker and on eight: {'the same' if one == eight else 'NOT the same'}")
    return one == eight


def flipped() -> bool:
    """Whether one flipped bit of one packet leads elsewhere, and to one place whatever the binary."""
    hashes, least = [], sys.maxsize
    for bit in (None, 300, 301):
        line = "" if bit is None else f"at 400ms flip next Heartbeat bit {bit}\n"
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as story:
            story.write(f"cluster 3 seed 7 clients 8 kinds writer rest 5ms\n{line}run to 6000ms\n")
            story.flush()
            traces = {steps([binary, "--scenario", story.name, "--trace"]) for binary in (RELEASE, DEBUG)}
        hashes += [hashlib.sha256(trace.encode()).hexdigest() for trace in traces]
        least = min([least, *(trace.count("\n") for trace in traces)])
    alike = len(hashes) == len(set(hashes)) == 3 and least >= STEPS_MIN
    runs = f"{'three' if alike else 'NOT three'} different runs, the shortest of {least} steps"
    print(f"one packet whole, and with either of two bits of it flipped: {runs}")
    return alike


def main() -> int:
    """The exit code: 0 if each seed has one hash wherever it runs."""
    built()
    binaries: dict[str, list[str | Path]] = {"again": [RELEASE], "debug": [DEBUG]}
    on_wasm = wasm()
    if on_wasm is not None:
        binaries[WASM] = on_wasm
    print(f"each seed in release twice, and: {', '.join(name for name in binaries if name != 'again')}")
    shown, differ = 0, 0
    for seed in range(1_000):
        first = run_of([RELEASE], seed)
        steps = re.search(r"steps (\d+)", first)
        if steps is None or int(steps[1]) < STEPS_MIN:
            continue
        others = {name for name, command in binaries.items() if run_of(command, seed) != first}
        print(f"seed {seed}: {first.split()[1]} after {steps[1]} steps{''.join(f', not in {name}' for name in others)}")
        differ += bool(others)
        shown += 1
        if shown == SEEDS:
            break
    well = [shown == SEEDS and differ == 0, workers(), flipped()]
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
