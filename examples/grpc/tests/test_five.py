"""README's commands, taken from its text, run by a shell in a fresh clone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness
from harness import HERE, ROOT, STUBS, Program


def readme(first: str, lines: int) -> str:
    """The block of README.md that begins with this line, and has so many."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    found: list[str] = [block for block in blocks if block.startswith(f"{first}\n")]
    assert len(found) == 1, f"README.md has one block that begins with {first}"
    assert len(found[0].splitlines()) == lines, found[0]
    return found[0]


def check_repository() -> None:
    """Ends with one line where there is nothing to clone."""
    try:
        seen = subprocess.run(
            ["git", "ls-remote", "--quiet", ROOT, "HEAD"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        sys.exit("test_five.py cannot run: git is missing; install it, since the test clones the repository")
    if seen.returncode != 0 or not seen.stdout:
        sys.exit(f"test_five.py cannot run: {ROOT} is no repository of git, and the test clones it; run it in a clone")


class FiveCommands(harness.Test):
    """A peer is up after them, whether cluster.py has run there before or not."""

    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory(prefix="rsm-", ignore_cleanup_errors=True)
        self.addCleanup(home.cleanup)
        self.clone = Path(home.name) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, self.clone], check=True, capture_output=True)
        self.ports = harness.free_ports(3)
        self.peers = self.clone / "examples" / "grpc" / "peers.yml"
        self.peers.write_text("".join(f"- 127.0.0.1:{self.ports + n}\n" for n in range(3)))
        # `python` is that of an environment that is activated, as README says; nothing else of ours is in sight.
        hidden = ("CARGO", "RSM_", "PYTHON", "RUST_", "VIRTUAL_ENV")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        self.env |= {name: os.environ[name] for name in ("CARGO_HOME", "RUSTUP_HOME") if name in os.environ}
        # The commands are README's; how hard cargo works at them is ours.
        self.env |= {"CARGO_PROFILE_DEV_OPT_LEVEL": "0", "CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_INCREMENTAL": "0"}
        self.env |= {"CARGO_PROFILE_RELEASE_OPT_LEVEL": "0"}
        self.env["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def shell(self, text: str) -> Program:
        """Runs lines in the clone by a shell that stops at the first that fails."""
        program = Program(["env", "-i", *(f"{name}={value}" for name, value in self.env.items()), "sh", "-ec", text])
        self.addCleanup(self.end, program)
        return program

    def end(self, program: Program) -> None:
        """SIGTERM to all that a shell has started, and then to it."""
        if program.process.poll() is None:
            os.killpg(program.pid, signal.SIGTERM)
            program.wait(8.0)
        program.end()

    def client(self, *words: str) -> str:
        """What client.py prints."""
        command = [sys.executable, str(HERE / "client.py"), "--stubs", str(STUBS), "--peers", str(self.peers), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def cluster_of_three(self, turn: str) -> None:
        """The five commands, peers 1 and 2 beside them, a key, and all of them drained."""
        first = self.shell(f"cd {self.clone}\n{readme('cargo build --bin grpc', 5)}")
        first.hear(rf"^\S+ listening on 127\.0\.0\.1:{self.ports}, executable pid \d+, dir data/0", 300.0)
        where = self.clone / "examples" / "grpc"
        others = [self.shell(f"cd {where}\nexec python peer.py --id {id}") for id in (1, 2)]
        for other in others:
            other.hear("listening on")
        self.assertEqual(self.client("put", "turn", turn), "ok\n")
        self.assertEqual(self.client("get", "turn"), f"{turn}\n")
        for program in (first, *others):
            os.killpg(program.pid, signal.SIGTERM)
        for program in (first, *others):
            program.wait(8.0)
            program.hear("drained, exit 0$")

    def the_first_command(self, how: str, within: float) -> None:
        """`cluster.py` as README writes it, the commands for another terminal, and Ctrl-C."""
        began = time.monotonic()
        run = self.shell(f"cd {self.clone}\nexec {readme('python3 examples/grpc/cluster.py', 1)}")
        run.hear(rf"^rsm: executable    target/release/grpc \.+ {how}   +\d+\.\d s$", within)
        run.hear(r"^rsm: 3 peers up, peer \d leads, ready after ", within)
        self.assertLess(time.monotonic() - began, within, run.text())
        ask = self.shell(f"cd {self.clone}\n{readme('python3 examples/grpc/client.py put greeting hello', 3)}")
        self.assertEqual(ask.wait(20.0), 0, ask.text())
        self.assertEqual(ask.lines[:2], ["ok", "hello"])
        self.assertEqual(ask.lines[-1], " quorum 2 of 3: ok")
        run.send(signal.SIGINT)
        self.assertEqual(run.wait(8.0), 0, run.text())

    def test_they_work_before_cluster_py_has_run_and_after(self) -> None:
        self.cluster_of_three("one")
        api = self.clone / "examples" / "grpc" / "api"
        shutil.rmtree(api)
        self.the_first_command("built", 300.0)
        self.the_first_command("ready", 3.0)
        self.assertFalse(api.exists(), "the reader's own")
        self.cluster_of_three("two")
        changed = subprocess.run(
            ["git", "status", "--porcelain"], cwd=self.clone, capture_output=True, text=True, check=True
        )
        self.assertEqual(changed.stdout, " M examples/grpc/peers.yml\n", "what they make is ignored by git")


if __name__ == "__main__":
    check_repository()
    harness.main()
