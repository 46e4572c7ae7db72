"""Each wrong set-up is refused in one line that says what to do, with exit code 2."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import harness
from harness import HERE, STUBS

from front_end import VERSION
from front_end.places import PROTOC, target

LISTS = {
    "peers.yml line 2 is no `- host:port`: 127.0.0.1:4001": "- 127.0.0.1:4000\n127.0.0.1:4001\n",
    "peers.yml line 1 is no `- host:port`: - 127.0.0.1": "- 127.0.0.1\n",
    "peers.yml line 1 is no `- host:port`: - a:70000": "- a:70000\n",
    "peers.yml line 2: a:1 is listed twice": "- a:1\n- a:1\n",
    "peers.yml lists no peer; write one `- host:port` a line": "# nobody\n",
}


class Refusals(harness.Test):
    """Of peer.py, client.py and cluster.py."""

    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory(prefix="rsm-")
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)
        self.peers = self.home / "peers.yml"
        self.peers.write_text("".join(f"- 127.0.0.1:{harness.free_port()}\n" for _ in range(3)))

    def refused(self, script: str, *words: str | Path, says: str, env: dict[str, str] | None = None) -> None:
        """Runs a script, which says this one line and exits 2."""
        command: list[str | Path] = [sys.executable, HERE / script, *words]
        environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"} | (env or {})
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (2, "", f"{script}: {says}\n"))

    def peer(self, *words: str | Path, says: str, env: dict[str, str] | None = None) -> None:
        """Runs peer 0 with everything in order but for what the words change."""
        usual: list[str | Path] = ["--id", "0", "--peers", self.peers, "--stubs", STUBS, "--dir", self.home / "0"]
        with harness.script(sys.executable, harness.TESTS / "fake_child.py") as executable:
            self.refused("peer.py", *usual, "--executable", executable, *words, says=says, env=env)

    # ---- peer.py ----

    def test_an_unknown_id(self) -> None:
        self.peer("--id", "7", says="peers.yml has no id 7; it has 0, 1, 2")
        self.peer("--id", "-1", says="peers.yml has no id -1; it has 0, 1, 2")

    def test_a_list_of_peers_that_does_not_read(self) -> None:
        for says, text in LISTS.items():
            with self.subTest(says):
                self.peers.write_text(text)
                self.peer(says=says)
        missing = self.home / "none.yml"
        self.peer(
            "--peers",
            missing,
            says=f"cannot read {missing}: No such file or directory; name a list of peers with --peers",
        )

    def test_no_stubs(self) -> None:
        """As in a clone where `mkdir api` was forgotten: the copy has no api/."""
        copy = self.home / "examples" / "grpc"
        shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("api", "data", "tests", "src", "__pycache__"))
        with harness.script(sys.executable, harness.TESTS / "fake_child.py") as executable:
            done = subprocess.run(
                [sys.executable, copy / "peer.py", "--id", "0", "--executable", executable],
                capture_output=True, text=True, timeout=30, check=False,
            )  # fmt: skip
        says = f"peer.py: no stubs in examples/grpc/api; run in examples/grpc: mkdir api && {PROTOC}\n"
        self.assertEqual((done.returncode, done.stderr), (2, says))

    def test_stubs_that_are_newer_than_grpc_or_protobuf(self) -> None:
        for name, here, there in (
            ("api_pb2_grpc.py", "GRPC_GENERATED_VERSION = '1.", "GRPC_GENERATED_VERSION = '9."),
            ("api_pb2.py", "    7,\n", "    9,\n"),
        ):
            with self.subTest(name):
                stubs = self.home / f"newer-{name}"
                shutil.copytree(STUBS, stubs)
                text = (stubs / name).read_text()
                self.assertIn(here, text)
                (stubs / name).write_text(text.replace(here, there, 1))
                self.peer("--stubs", stubs, says=f"stubs were made by another grpcio-tools; run: {PROTOC}")

    def test_no_executable(self) -> None:
        copy = self.home / "clone"
        shutil.copytree(HERE, copy / "examples" / "grpc", ignore=shutil.ignore_patterns("api", "data", "tests", "src"))
        (copy / "Cargo.toml").write_text("[workspace]\n")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CARGO")}
        command: list[str | Path] = [sys.executable, copy / "examples/grpc/peer.py", "--id", "0", "--stubs", STUBS]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)
        says = "no executable; run at the root: cargo build --bin grpc   (looked in target/release, target/debug)"
        self.assertEqual((done.returncode, done.stderr), (2, f"peer.py: {says}\n"))

    def test_an_executable_that_is_not_there_or_does_not_run(self) -> None:
        missing = self.home / "missing"
        self.peer("--executable", missing, says=f"no executable at {missing}; run at the root: cargo build --bin grpc")
        self.peer("--executable", self.peers, says=f"cannot start {self.peers}: Permission denied")

    def test_an_executable_that_speaks_another_language(self) -> None:
        with harness.fake(1, "stranger", start=False) as cluster:
            program = cluster.peers[0].start(listening=False).program
            self.assertEqual(program.wait(), 2)
            says = (
                "peer 0: the executable does not speak the pipe's language: the first chunk is no hello of this version"
            )
            self.assertEqual(program.lines[-1], says)

    def test_no_grpc(self) -> None:
        """In a Python that has nothing but its standard library."""
        says = "Python package grpcio is missing; run: python -m pip install -r examples/grpc/requirements.txt"
        base = Path(sys.base_prefix) / "bin" / "python3"
        bare: list[str | Path] = [base, "-S", HERE / "peer.py", "--id", "0"]
        bare += ["--peers", self.peers, "--executable", self.peers]
        done = subprocess.run(
            bare, capture_output=True, text=True, timeout=30, env={"PATH": "/usr/bin:/bin"}, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (2, f"peer.py: {says}\n"))

    def test_a_port_in_use(self) -> None:
        with harness.fake(2) as cluster:
            taken = cluster.addresses[1]
            again = cluster.peers[1].program
            says = f"peer.py: {taken} is taken; is peer 1 already running? choose another with --listen"
            program = cluster.peers[1].start("--dir", str(self.home / "else"), listening=False).program
            self.assertEqual((program.wait(), program.lines), (2, [says]))
            again.end()
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            taken = f"127.0.0.1:{holder.getsockname()[1]}"
            self.peer(
                "--listen", taken,
                says=f"{taken} is taken; is another program already running? choose another with --listen",
            )  # fmt: skip

    def test_a_directory_that_is_locked_is_the_executables_to_refuse(self) -> None:
        with harness.fake(1, "refuse", start=False) as cluster:
            peer = cluster.peers[0].start(listening=False)
            self.assertEqual((peer.program.wait(), peer.program.lines), (2, [f"{peer.directory} is in use"]))

    def test_arguments_that_make_no_sense(self) -> None:
        self.peer("--listen", "here", says="--listen wants HOST:PORT, not here")
        self.peer("--snapshot-every", "0", says="--snapshot-every wants a number of entries, at least 1")
        self.peer("--what", says="unrecognized arguments: --what; see peer.py --help")
        self.refused("peer.py", says="the following arguments are required: --id; see peer.py --help")

    # ---- which executable ----

    def test_the_most_recently_built_executable_is_taken_from_where_cargo_builds(self) -> None:
        clone = self.home / "clone"
        shutil.copytree(HERE, clone / "examples" / "grpc", ignore=shutil.ignore_patterns("api", "data", "tests", "src"))
        (clone / "Cargo.toml").write_text("[workspace]\n")
        elsewhere = self.home / "elsewhere"
        for builds, named, taken in (
            ({"target/debug": 2, "target/release": 1}, None, "target/debug"),
            ({"target/debug": 1, "target/release": 2}, None, "target/release"),
            ({"target/release": 1}, None, "target/release"),
            ({"target/debug": 9, "../elsewhere/debug": 1, "../elsewhere/release": 2}, elsewhere, elsewhere / "release"),
            ({"target/release": 9, "../elsewhere/debug": 2, "../elsewhere/release": 1}, elsewhere, elsewhere / "debug"),
        ):
            with self.subTest(builds):
                for place, built in builds.items():
                    path = clone / place / "grpc"
                    path.parent.mkdir(parents=True)
                    path.write_text('#!/bin/sh\necho "started $0" >&2\nexit 2\n')
                    path.chmod(0o755)
                    os.utime(path, (built, built))
                env = {name: value for name, value in os.environ.items() if not name.startswith("CARGO")}
                env |= {} if named is None else {"CARGO_TARGET_DIR": str(named)}
                command: list[str | Path] = [sys.executable, clone / "examples/grpc/peer.py"]
                command += ["--id", "0", "--stubs", STUBS]
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=30, env=env, cwd=clone, check=False
                )
                said = done.stderr.splitlines()
                self.assertEqual((done.returncode, len(said)), (2, 2), done.stderr)
                self.assertRegex(said[0], rf"^\S+ executable {taken}/grpc, the newest that cargo built$")
                self.assertEqual(said[1], f"started {clone / taken}/grpc")
                for place in builds:
                    shutil.rmtree(clone / place)

    # ---- the others ----

    def test_the_test_that_clones_says_in_one_line_what_it_lacks(self) -> None:
        test = Path("examples", "grpc", "tests", "test_five.py")
        says = "test_five.py cannot run: git is missing; install it, since the test clones the repository\n"
        self.assertEqual(self.said_by(harness.ROOT / test, PATH=str(self.home)), says)
        copy = self.home / "copy"
        shutil.copytree(HERE, copy / "examples" / "grpc", ignore=shutil.ignore_patterns("api", "data", "src"))
        (copy / "Cargo.toml").write_text("[workspace]\n")
        says = f"test_five.py cannot run: {copy} is no repository of git, and the test clones it; run it in a clone\n"
        self.assertEqual(self.said_by(copy / test, CARGO_TARGET_DIR=str(target())), says)

    def said_by(self, test: Path, **env: str) -> str:
        """What a test file says that ends at once, with exit code 1."""
        command: list[str | Path] = [sys.executable, test]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | env, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        return done.stderr

    def test_client(self) -> None:
        stubs = ("--stubs", STUBS)
        self.refused("client.py", says="the following arguments are required: COMMAND; see client.py --help")
        self.refused("client.py", "put", "a", says="the following arguments are required: VALUE; see client.py --help")
        says = "cannot read nowhere: No such file or directory; name a list of peers with --peers"
        self.refused("client.py", *stubs, "--peers", "nowhere", "get", "a", says=says)
        self.refused("client.py", *stubs, "get", "a", env={"RSM_PEERS": "nowhere"}, says=says)

    def test_cluster(self) -> None:
        for words, says in (
            (("--snapshot-every", "0"), "--snapshot-every wants a number of entries, at least 1"),
            (("--color", "pink"), None),
            (("--peers", "x"), "argument --peers: invalid int value: 'x'; see cluster.py --help"),
        ):
            command: list[str | Path] = [sys.executable, HERE / "cluster.py", *words]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            if says is not None:
                self.assertEqual(done.stderr, f"cluster.py: {says}\n")

    def test_help_has_two_examples_and_the_exit_codes_and_version_is_one_line(self) -> None:
        for script in ("peer.py", "client.py", "cluster.py"):
            shown = self.output(script, "--help")
            self.assertEqual(shown.split("examples:\n")[1].split("\n\n")[0].count(script), 2, shown)
            self.assertIn("exit codes:", shown)
            self.assertEqual(self.output(script, "--version"), f"{script} {VERSION}\n")
        for command in ("put", "get", "del", "cas", "append", "keys", "status", "bench"):
            self.assertIn("exit codes:", self.output("client.py", command, "--help"))

    def output(self, script: str, *words: str) -> str:
        """What a script prints, with exit code 0."""
        command: list[str | Path] = [sys.executable, HERE / script, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout

    def test_the_version_is_the_packages(self) -> None:
        self.assertIn(f'version = "{VERSION}"', (HERE / "Cargo.toml").read_text())


if __name__ == "__main__":
    harness.main()
