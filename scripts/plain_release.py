"""A release as its user builds it has no mutant, no mark, and nothing that chooses one.

The names are looked for in the executable of the example, built as anybody builds it, and, to show that they would be
found, in the simulator that `cargo sim` has built with both cfgs.

    cargo sim --help > /dev/null && python3 scripts/plain_release.py
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MUTANTS = ROOT / "src" / "raft" / "mutant.rs"
MARKS = ROOT / "src" / "raft" / "mark.rs"
PLAIN = ROOT / "target" / "release" / "grpc"
WITH_ALL = ROOT / "target" / "sim" / "release" / "rsm-sim"


def names() -> list[str]:
    """All that must not be there. Names of one word may stand in an executable for other reasons."""
    mutants = re.findall(r'^ {8}\w+ "([a-z-]+)" "', MUTANTS.read_text(encoding="utf-8"), re.MULTILINE)
    marks = re.findall(r'^ {8}"([a-z]+-[a-z-]+)",$', MARKS.read_text(encoding="utf-8"), re.MULTILINE)
    return ["RSM_MUTANT", *mutants, *marks]


def main() -> int:
    """The exit code: 1 if a name is where it must not be, or is not found where it is."""
    if not WITH_ALL.exists():
        sys.exit(f"{WITH_ALL.relative_to(ROOT)} is not there: cargo sim --help builds it")
    subprocess.run(["cargo", "build", "--quiet", "--release", "--locked", "--bin", "grpc"], cwd=ROOT, check=True)
    plain, with_all = PLAIN.read_bytes(), WITH_ALL.read_bytes()
    wanted = names()
    held = [name for name in wanted if name.encode() in plain]
    missed = [name for name in wanted if name.encode() not in with_all]
    print(f"{len(wanted)} names of mutants and marks: {len(held)} in a plain release, {len(missed)} not in cargo sim")
    for name in [*held, *missed]:
        print(f"{name}: {'in a plain release' if name in held else 'looked for in vain in cargo sim'}")
    return 1 if held or missed or len(wanted) < 200 else 0


if __name__ == "__main__":
    sys.exit(main())
