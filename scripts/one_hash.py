"""One seed is one run: in two processes, in debug and in release, and on wasm32 under Node where both are present.

Five seeds of twenty simulated seconds, each with a hundred thousand steps or more; what waits for marks is left out,
since a build that counts none never meets it. The binaries are those of `cargo sim` and of `cargo test`.

    python3 scripts/one_hash.py
"""

import re
import shutil
import subprocess
import sys
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


def arguments(seed: int) -> list[str]:
    """One seed, without what waits for marks."""
    return ["--seed", str(seed), "--milliseconds", "20000", "--unaimed"]


def wasm() -> list[str | Path] | None:
    """How to run the simulator on wasm32; None, and why on stderr, where that cannot be."""
    installed = said(["rustup", "target", "list", "--installed"]) if shutil.which("rustup") else ""
    node = shutil.which("node")
    if WASM not in installed.split() or node is None:
        print(f"{WASM}: not run, for want of {'Node' if node is None else 'the target: rustup target add ' + WASM}")
        return None
    build = ["cargo", "build", "--quiet", "--release", "-p", "rsm-sim", "--target", WASM]
    subprocess.run(build, cwd=ROOT, check=True)
    return [node, "--no-warnings", "-e", NODE, WASM_BINARY]


def main() -> int:
    """The exit code: 0 if each seed has one hash wherever it runs."""
    binaries: dict[str, list[str | Path]] = {"again": [RELEASE], "debug": [DEBUG]}
    on_wasm = wasm()
    if on_wasm is not None:
        binaries[WASM] = on_wasm
    shown, differ = 0, 0
    for seed in range(1_000):
        first = said([RELEASE, *arguments(seed)])
        steps = re.search(r"steps (\d+)", first)
        if steps is None or int(steps[1]) < STEPS_MIN:
            continue
        others = {name for name, command in binaries.items() if said([*command, *arguments(seed)]) != first}
        print(f"seed {seed}: {first.split()[1]} after {steps[1]} steps{''.join(f', not in {name}' for name in others)}")
        differ += bool(others)
        shown += 1
        if shown == SEEDS:
            break
    return 0 if shown == SEEDS and differ == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
