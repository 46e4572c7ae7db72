"""Checks the types and the lint of the Python code, in the environment that the tests made under target/."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples" / "grpc"))

import environment  # noqa: E402


def main() -> int:
    """Runs both tools over the example; the exit code is the worse of theirs."""
    python = environment.prepare(dev=True)
    here = ROOT / "examples" / "grpc"
    types = subprocess.run([python, "-m", "mypy", "--config-file", here / "pyproject.toml", "."], cwd=here, check=False)
    lint = subprocess.run([python, "-m", "ruff", "check", ".", ROOT / "scripts", ROOT / "tests"], cwd=here, check=False)
    return types.returncode or lint.returncode


if __name__ == "__main__":
    sys.exit(main())
