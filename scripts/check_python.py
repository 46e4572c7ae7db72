"""Checks the types and the lint of the Python code, in an environment of its own under target/."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "examples" / "grpc"
sys.path.insert(0, str(HERE))

from front_end import environment


def main() -> int:
    """Runs the tools over the example and the scripts; the exit code is the worst of theirs."""
    made = environment.prepare_checks(environment.Progress())
    types = os.environ | {"MYPYPATH": str(made.stubs)}
    cache = f"--cache-dir={made.stubs.parent / 'mypy'}"
    lint: list[str | Path] = ["--no-cache", "--config", HERE / "pyproject.toml", ".", ROOT / "scripts"]
    scripts = sorted((ROOT / "scripts").glob("*.py"))
    tools: list[list[str | Path]] = [
        ["mypy", cache],
        ["mypy", cache, *scripts],
        ["ruff", "check", *lint],
        ["ruff", "format", "--check", "--diff", *lint],
    ]
    return max(subprocess.run([made.python, "-m", *tool], cwd=HERE, env=types).returncode for tool in tools)


if __name__ == "__main__":
    sys.exit(main())
