"""Lines of the pure core that no seed of the simulator executes.

The simulator is built with counters in it, in a target directory of its own, and with marks, so that faults aim;
without mutants, whose worse half is executed by nobody. Counters are read by the tools of the compiler's own LLVM,
since others do not know the format. Where they are missing it says so, and passes: `rustup component add llvm-tools`.

    python3 scripts/coverage.py                  # 2,000 seeds of five simulated seconds
    python3 scripts/coverage.py --seeds 200
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "src" / "raft" / "consensus"
TARGET = ROOT / "target" / "coverage"


def said(command: list[str | Path], **more: str) -> str:
    """What it prints; it must not fail."""
    environment = os.environ | more
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def tools() -> Path | None:
    """Where the compiler keeps its tools; None if they are not there."""
    host = re.search(r"^host: (\S+)$", said(["rustc", "-vV"]), re.MULTILINE)
    if host is None:
        return None
    folder = Path(said(["rustc", "--print", "sysroot"]).strip()) / "lib" / "rustlib" / host[1] / "bin"
    return folder if all((folder / name).exists() for name in ("llvm-profdata", "llvm-cov")) else None


def counted(seeds: int, folder: Path, tools_in: Path) -> str:
    """How often each line was executed, as a tracefile of lcov."""
    flags = "-C instrument-coverage --cfg rsm_marks"
    build: list[str | Path] = ["cargo", "build", "--quiet", "--release", "-p", "rsm-sim", "--target-dir", TARGET]
    said(build, RUSTFLAGS=flags)
    binary = TARGET / "release" / "rsm-sim"
    run: list[str | Path] = [binary, "--seeds", str(seeds), "--milliseconds", "5000"]
    print(said(run, LLVM_PROFILE_FILE=str(folder / "%p.profraw")).splitlines()[-1], file=sys.stderr)
    raw, merged = sorted(folder.glob("*.profraw")), folder / "all.profdata"
    said([tools_in / "llvm-profdata", "merge", "-sparse", *raw, "-o", merged])
    export: list[str | Path] = [
        tools_in / "llvm-cov",
        "export",
        "-format=lcov",
        f"-instr-profile={merged}",
        binary,
        CORE,
    ]
    return said(export)


def missed(trace: str) -> tuple[int, list[tuple[Path, int]]]:
    """How many lines could be executed, and those that were not."""
    lines, never, file = 0, [], CORE
    for line in trace.splitlines():
        if line.startswith("SF:"):
            file = Path(line[3:])
        elif line.startswith("DA:"):
            number, times = line[3:].split(",")[:2]
            lines += 1
            if times == "0":
                never.append((file, int(number)))
    return lines, never


def main() -> int:
    """The exit code: 0, whatever was missed, for it is a list to be read; 1 if nothing was counted."""
    parser = argparse.ArgumentParser(description="Lines of the pure core that no seed executes.")
    parser.add_argument("--seeds", type=int, default=2_000)
    seeds: int = parser.parse_args().seeds
    found = tools()
    if found is None:
        print(
            "SKIPPED: the compiler's llvm-profdata and llvm-cov are not here: rustup component add llvm-tools",
            file=sys.stderr,
        )
        return 0
    with tempfile.TemporaryDirectory(prefix="rsm-coverage-") as folder:
        lines, never = missed(counted(seeds, Path(folder), found))
    for file, number in never:
        text = file.read_text().splitlines()[number - 1].strip()
        print(f"{file.relative_to(ROOT)}:{number}: {text}")
    print(f"{len(never)} of {lines} lines of the core were executed by none of {seeds} seeds")
    return 0 if lines else 1


if __name__ == "__main__":
    sys.exit(main())
