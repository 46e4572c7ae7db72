"""cluster.py: what it shows, how it drains, and that nothing is left whatever ends it."""

from __future__ import annotations

import json
import operator
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import harness
from harness import HERE, Program, is_running, wait

import api_pb2 as api
import api_pb2_grpc
import grpc

TIME = r"\d\d:\d\d:\d\d\.\d{3}"
DOTS = r" \.+ "
WAITS = " newborn, waits for "
"""Said by a peer that has waited for another for three seconds, rightly; it is not in the manual."""


def descendants(pid: int) -> set[int]:
    """Every process below one, by the parents that the kernel knows."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    below: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in below | {pid}} - below:
        below |= more
    return below


class _Home(harness.Test):
    """A directory, and a cluster on free ports in it, from the real executable."""

    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory(prefix="rsm-", ignore_cleanup_errors=True)
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)

    def start(self, *options: str, peers: int = 3) -> Program:
        """Starts it; the ports are those of a base that is free as far as one can tell."""
        self.base = harness.free_ports(peers)
        command = [sys.executable, str(HERE / "cluster.py"), "--dir", str(self.home / "data"), "--port", str(self.base)]
        command += ["--executable", str(harness.real_executable()), *options]
        if peers != 3:
            command += ["--peers", str(peers)]
        program = Program(command)
        self.addCleanup(program.end)
        return program

    def in_terminal(self, command: list[str], **env: str) -> tuple[int, int, bytearray]:
        """Starts a program in a terminal of its own: its process, the terminal's other side, and all it shows."""
        pid, terminal = pty.fork()
        if pid == 0:
            plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
            os.execve(command[0], command, plain | {"TERM": "xterm"} | env)
        self.addCleanup(self.kill, {pid})
        self.addCleanup(os.close, terminal)
        shown = bytearray()
        threading.Thread(target=self.read, args=(terminal, shown), daemon=True).start()
        return pid, terminal, shown

    def ends_by_ctrl_c(self, pid: int, terminal: int, shown: bytearray, last: bytes) -> None:
        """Types it: the program exits with 0, nothing below it is left, and this is the last that it says."""
        below = descendants(pid)
        os.write(terminal, b"\x03")
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0, shown.decode())
        self.assertEqual([pid for pid in below if is_running(pid)], [])
        wait(lambda: last in shown, 5.0, shown.decode)

    def kill(self, pids: set[int]) -> None:
        """Ends what is left of them."""
        for pid in pids:
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)

    def read(self, terminal: int, shown: bytearray) -> None:
        """All that a terminal shows, until its last user has gone."""
        while True:
            try:
                data = os.read(terminal, 4096)
            except OSError:
                return
            if not data:
                return
            shown += data

    def client(self, *words: str) -> str:
        """What client.py prints."""
        peers = str(self.home / "data" / "peers.yml")
        command = [sys.executable, str(HERE / "client.py"), "--stubs", str(harness.STUBS), "--peers", peers, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout


class Shown(_Home):
    """What it says, and does about it."""

    def waits(self, line: str, began: datetime) -> bool:
        """Whether a peer says that it waits; never before its three seconds are over."""
        if WAITS not in line:
            return False
        said = datetime.strptime(line.split()[3], "%H:%M:%S.%f")
        waited = (said - began.replace(year=said.year, month=said.month, day=said.day)) % timedelta(days=1)
        self.assertGreaterEqual(waited, timedelta(seconds=2.999), line)
        return True

    def test_the_transcript_of_the_manual(self) -> None:
        began = datetime.now()
        program = self.start()
        program.hear(r"^    Ctrl-C drains all three\.$")
        pids = descendants(program.pid)
        data, client = self.home / "data", "python3 examples/grpc/client.py"
        peers = f"--peers {data}/peers.yml"
        head = program.lines[:3]
        self.assertRegex(
            head[0], rf"^rsm: environment   target/python/venv-3\.\d+{DOTS}ready    +\d+\.\d s    \(grpcio "
        )
        self.assertRegex(head[1], rf"^rsm: stubs         target/python/stubs-[\d.]+{DOTS}ready    +\d+\.\d s$")
        self.assertEqual(head[2], f"rsm: data          {data} (--fresh empties it)")
        end = program.lines.index("")
        logs, rest = program.lines[3:end], program.lines[end + 1 :]
        for peer in range(3):
            mine = [line for line in logs if line.startswith(f"peer {peer} | ") and not self.waits(line, began)]
            others = ", ".join(str(other) for other in range(3) if other != peer)
            listening = rf"listening on 127\.0\.0\.1:{self.base + peer}, executable pid \d+, dir {data}/{peer} \(new\)"
            self.assertRegex(mine[0], rf"^peer {peer} \| {TIME} {listening}$")
            self.assertRegex(mine[1], rf"^peer {peer} \| {TIME} born, attested by {others}$")
        found = re.fullmatch(
            r"rsm: 3 peers up, peer (\d) leads, ready after (\d+\.\d) s\. In another terminal:", rest[0]
        )
        assert found is not None, rest[0]
        leader = found[1]
        term = program.hear(rf"^peer {leader} \| {TIME} leader of term (\d+) \(votes: [\d, ]+\)$")[1]
        for follower in {"0", "1", "2"} - {leader}:
            program.hear(rf"^peer {follower} \| {TIME} follows {leader} in term {term}$")
        self.assertEqual(rest[1], f"    {client} {peers} put greeting hello")
        self.assertEqual(rest[2], f"    {client} {peers} get greeting")
        self.assertEqual(rest[3], f"    {client} {peers} status")
        kill = re.fullmatch(r"    kill -9 (\d+) +# the leader's front end: watch the other two elect", rest[4])
        assert kill is not None, rest[4]
        self.assertIn(int(kill[1]), pids)
        put = subprocess.run(
            rest[1], shell=True, cwd=harness.ROOT, capture_output=True, text=True, timeout=20, check=False
        )
        self.assertEqual((put.returncode, put.stdout, put.stderr), (0, "ok\n", ""))
        before = len(program.lines)
        program.send(signal.SIGINT)
        self.assertEqual(program.wait(8.0), 0)
        self.assertEqual(program.lines[before], "rsm: draining (Ctrl-C again to stop at once)")
        for peer in range(3):
            program.hear(rf"^peer {peer} \| {TIME} draining, \d+ tickets? open$", after=before)
            program.hear(rf"^peer {peer} \| {TIME} drained, exit 0$", after=before)
        self.assertRegex(program.lines[-1], r"^rsm: all peers drained in \d+\.\d\d s$")
        self.assertEqual([pid for pid in pids if is_running(pid)], [])

    def test_a_second_start_is_up_in_three_seconds_and_keeps_what_was_written(self) -> None:
        program = self.start()
        program.hear("Ctrl-C drains")
        self.client("put", "a", "kept")
        program.send(signal.SIGTERM)
        self.assertEqual(program.wait(8.0), 0)
        began = time.monotonic()
        again = Program(program.command)
        self.addCleanup(again.end)
        again.hear("Ctrl-C drains")
        self.assertLess(time.monotonic() - began, 3.0, again.text())
        self.assertEqual(self.client("get", "a"), "kept\n")
        self.assertNotIn("(new)", again.text())

    def test_fresh_empties_and_another_count_is_refused_by_what_was_made_for_three(self) -> None:
        program = self.start()
        program.hear("Ctrl-C drains")
        self.client("put", "a", "b")
        program.send(signal.SIGINT)
        program.wait(8.0)
        five = self.start(peers=5)
        data = self.home / "data"
        five.hear(
            rf"^peer 0 \| {data}/0 was made for other members than peers\.yml lists; put the list back, or choose "
            r"another directory with --dir \(cluster\.py: --fresh\)$"
        )
        for peer in range(3):
            five.hear(rf"^rsm: peer {peer} died \(front end: exit 2\); \d of 5 peers up, nobody leads$")
        five.send(signal.SIGINT)
        self.assertEqual(five.wait(8.0), 0)
        fresh = self.start("--fresh", peers=5)
        fresh.hear(r"^rsm: 5 peers up, peer \d leads")
        fresh.hear("watch the other four elect$")
        fresh.hear("^    Ctrl-C drains all five\\.$")
        self.assertEqual(self.client("keys"), "")

    def test_a_death_is_told_and_the_others_go_on(self) -> None:
        program = self.start("--color", "always")
        leader = program.hear(r"3 peers up, peer (\d) leads")[1]
        pid = int(program.hear(r"    kill -9 (\d+)")[1])
        os.kill(pid, signal.SIGKILL)
        died = rf"^\x1b\[31mrsm: peer {leader} died \(front end: signal 9\); 2 of 3 peers up, peer (\d) leads\x1b\[0m$"
        self.assertNotEqual(program.hear(died)[1], leader)
        self.client("put", "a", "b")
        program.send(signal.SIGINT)
        self.assertEqual(program.wait(8.0), 0)
        self.assertRegex(program.lines[-1], rf"^rsm: drained in \d+\.\d\d s; peer {leader} had died$")

    def test_with_nobody_left_it_ends_with_70(self) -> None:
        program = self.start()
        program.hear("Ctrl-C drains")
        fronts = [pid for pid in descendants(program.pid) if b"peer.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        for pid in fronts:
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(program.wait(8.0), 70)
        self.assertEqual(program.lines[-1], "rsm: all peers died")

    def test_no_colours_where_there_is_no_terminal(self) -> None:
        program = self.start(peers=1)
        program.hear("Ctrl-C drains it")
        self.assertNotIn("\x1b", program.text())

    def test_no_colours_where_they_are_not_wanted_or_not_understood(self) -> None:
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            with self.subTest(env):
                base = harness.free_port()
                command = [sys.executable, str(HERE / "cluster.py"), "--dir", str(self.home / "data"), "--fresh"]
                command += ["--peers", "1", "--port", str(base), "--executable", str(harness.real_executable())]
                pid, terminal, shown = self.in_terminal(command, **env)
                wait(partial(operator.contains, shown, b"Ctrl-C drains"), 20.0, shown.decode)
                self.assertIsNone(re.search(rb"\x1b\[[\d;]*m", shown), shown)
                self.assertTrue("TERM" not in env or b"\x1b" not in shown, "nor anything else of the kind")
                self.ends_by_ctrl_c(pid, terminal, shown, b"rsm: all peers drained in ")

    def test_how_often_a_snapshot_is_taken_reaches_the_peers(self) -> None:
        program = self.start("--snapshot-every", "20", peers=1)
        program.hear("Ctrl-C drains it")
        puts = [api.Request(ticket=n, put=api.PutRequest(key=b"a", value=b"%d" % n)) for n in range(1, 101)]
        with grpc.insecure_channel(f"127.0.0.1:{self.base}") as channel:
            batches = api_pb2_grpc.KvStub(channel).Pipeline(iter([api.Requests(requests=puts)]), timeout=20)
            self.assertEqual(sum(reply.HasField("put") for batch in batches for reply in batch.replies), 100)
        wait(lambda: json.loads(self.client("status", "--json"))["peers"][0]["first"] > 20, 10.0, "its log is cut")


class Leaves(_Home):
    """Nothing behind."""

    def test_ctrl_c_in_a_terminal_drains_everything(self) -> None:
        base = harness.free_ports(3)
        command = [sys.executable, str(HERE / "cluster.py"), "--dir", str(self.home / "data"), "--port", str(base)]
        command += ["--executable", str(harness.real_executable())]
        pid, terminal, shown = self.in_terminal(command)
        wait(lambda: b"Ctrl-C drains" in shown, 20.0, shown.decode)
        self.assertEqual(len(descendants(pid)), 6, "three front ends and three executables")
        self.assertIn(b"\x1b[36mpeer 0 |\x1b[0m ", shown, "in colours")
        self.ends_by_ctrl_c(pid, terminal, shown, b"rsm: all peers drained in ")
        self.assertEqual(shown.count(b"drained, exit 0"), 3)

    def test_ctrl_c_at_a_peers_own_terminal_drains_it(self) -> None:
        with harness.Cluster(1, start=False) as cluster:
            command = [sys.executable, str(HERE / "peer.py"), "--id", "0", "--peers", str(cluster.peers_file)]
            command += ["--stubs", str(harness.STUBS), "--dir", str(cluster.peers[0].directory)]
            pid, terminal, shown = self.in_terminal([*command, "--executable", str(cluster.executable)])
            cluster.leader()
            cluster.stub(0).Put(api.PutRequest(key=b"a", value=b"b"), timeout=5.0)
            self.assertEqual(len(descendants(pid)), 1)
            self.ends_by_ctrl_c(pid, terminal, shown, b" drained, exit 0")

    def test_sigkill_leaves_nothing_after_six_seconds(self) -> None:
        program = self.start()
        program.hear("Ctrl-C drains")
        below = descendants(program.pid)
        self.assertEqual(len(below), 6)
        self.addCleanup(self.kill, below)
        program.send(signal.SIGKILL)
        wait(lambda: not any(is_running(pid) for pid in below), 6.0, lambda: f"{below} still run")


if __name__ == "__main__":
    harness.main(together=False)
