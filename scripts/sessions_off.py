"""Shows that the test of the main job would notice: with the session check off, it fails at each run.

Builds the executable with `--cfg rsm_mutant`, in a target directory of its own, and runs ten thousand appends over gRPC
with the fault `sessions-off`: a command that was sent twice is then applied twice. `python3 scripts/sessions_off.py 3`
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEST = ROOT / "examples" / "grpc" / "tests" / "test_survival.py"
NAME = "Survival.test_ten_thousand_appends_survive_the_leader_then_all_three"
TARGET = ROOT / "target" / "mutant"


def run(fault: str) -> str:
    """Runs the test with a fault, or with none; what it says."""
    env = os.environ | {"RSM_EXECUTABLE": str(TARGET / "debug" / "grpc"), "RSM_MUTANT": fault}
    done = subprocess.run([sys.executable, TEST, NAME], env=env, capture_output=True, text=True)
    return "passed" if done.returncode == 0 else done.stderr


def main() -> int:
    """The exit code: 0 if the test passes without the fault, and fails with it, because of it, at each run."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    flags = os.environ | {"RUSTFLAGS": "--cfg rsm_mutant"}
    build = ["cargo", "build", "--quiet", "--bin", "grpc", "--target-dir", str(TARGET)]
    subprocess.run(build, cwd=ROOT, env=flags, check=True)
    sound = run("none")
    print(f"no fault: {sound.splitlines()[-1]}", flush=True)
    noticed = 0
    for n in range(rounds):
        said = run("sessions-off")
        noticed += ": twice" in said
        print(f"sessions-off, run {n + 1}: {'noticed' if ': twice' in said else said}", flush=True)
    print(f"{noticed} of {rounds} noticed")
    return 0 if sound == "passed" and noticed == rounds else 1


if __name__ == "__main__":
    sys.exit(main())
