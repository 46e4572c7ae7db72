"""client.py, word by word: values on stdout, everything else on stderr, exit codes for the rest."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import harness
from harness import HERE, STUBS, Cluster, fake

from front_end import table

# What is said, and what is heard: stdout, stderr, the exit code. The same of one peer and of a cluster.
EVERYWHERE = (
    ("put greeting hello", "ok\n", "", 0),
    ("cas greeting hallo servus", "", 'client.py: not swapped: greeting is "hello", not "hallo"\n', 1),
    ("get greeting", "hello\n", "", 0),
    ("cas greeting hello servus", "ok\n", "", 0),
    ("append list 17", "1\n", "", 0),
    ("append list 18", "2\n", "", 0),
    ("get list", "17\n18\n", "", 0),
    ("put list x", "", "client.py: wrong type: list holds a list\n", 1),
    ("cas list a b", "", "client.py: wrong type: list holds a list\n", 1),
    ("append greeting x", "", "client.py: wrong type: greeting holds a string\n", 1),
    ("keys", "greeting\nlist\n", "", 0),
    ("keys li", "list\n", "", 0),
    ("del list", "ok\n", "", 0),
    ("del list", "", "client.py: no such key: list\n", 1),
)


class Words(harness.Test):
    """Against one peer that is up."""

    def test_the_first_five_minutes(self) -> None:
        with fake() as cluster:
            for words, out, err, code in (
                *EVERYWHERE,
                ("get nothing", "", "client.py: no such key: nothing\n", 1),
                ("cas nothing a b", "", "client.py: no such key: nothing\n", 1),
                ("keys zz", "", "", 0),
                ("get --stale greeting", "servus\n", "", 0),
                ("put empty ", "ok\n", "", 0),
                ("get empty", "\n", "", 0),
                ("put status:2 x", "", "client.py: too large: as you wish\n", 2),
                ("put status:4 x", "", "client.py: invalid: as you wish\n", 2),
            ):
                self.says(cluster, words, out, err, code)
            expired = "client.py: expired: as you wish; the write may or may not have happened\n"
            self.says(cluster, "put status:5 x", "", expired, 75)

    def test_bytes_that_are_no_text_come_back_as_they_went(self) -> None:
        with fake() as cluster:
            usual: list[str | Path] = [
                sys.executable,
                HERE / "client.py",
                "--stubs",
                STUBS,
                "--peers",
                cluster.addresses[0],
            ]
            subprocess.run([*usual, "put", "k", b"\xff\xfe\n\x01"], check=True, timeout=20, capture_output=True)
            got = subprocess.run([*usual, "get", "k"], check=True, timeout=20, capture_output=True)
            self.assertEqual(got.stdout, b"\xff\xfe\n\x01\n")

    def test_peers_come_from_the_option_the_environment_or_the_list(self) -> None:
        with fake(2, start=False) as cluster:
            cluster.peers[1].start()
            usual: list[str | Path] = [sys.executable, HERE / "client.py", "--stubs", STUBS]
            for words, env in (
                (["--peers", cluster.addresses[1], "put", "a", "b"], {}),
                (["put", "a", "b", "--peers", ",".join(cluster.addresses)], {}),
                (["--peers", str(cluster.peers_file), "put", "a", "b"], {"RSM_PEERS": "nowhere"}),
                (["put", "a", "b"], {"RSM_PEERS": ",".join(cluster.addresses)}),
                (["put", "a", "b"], {"RSM_PEERS": str(cluster.peers_file)}),
            ):
                done = subprocess.run(
                    [*usual, *words], env=os.environ | env, capture_output=True, text=True, timeout=20, check=False
                )
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "ok\n", ""), words)

    def test_at_a_terminal_a_write_says_where_it_stands_and_how_long_it_took(self) -> None:
        with fake() as cluster:
            ours, theirs = pty.openpty()
            command: list[str | Path] = [
                sys.executable,
                HERE / "client.py",
                "--stubs",
                STUBS,
                "--peers",
                cluster.addresses[0],
            ]
            subprocess.run([*command, "put", "a", "b"], stdout=theirs, stderr=theirs, timeout=20, check=True)
            os.close(theirs)
            shown = b""
            while b"\n" not in shown:
                shown += os.read(ours, 4096)
            os.close(ours)
            self.assertRegex(shown.decode(), r"^ok  index \d+  \d+\.\d ms\r\n$")

    def test_it_goes_on_in_the_environment_of_the_cluster_where_grpc_is_missing(self) -> None:
        with fake() as cluster:
            bare = Path(sys.base_prefix) / "bin" / "python3"
            command: list[str | Path] = [bare, HERE / "client.py", "--peers", cluster.addresses[0], "put", "a", "b"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "ok\n", ""))

    def test_bench_prints_a_row_for_each_measurement(self) -> None:
        with fake() as cluster:
            done = cluster.client("bench", "--seconds", "0.5", "--clients", "4", "--size", "10")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            figures = r"0\.5 s +([\d,]+) {} +[\d,]+/s   p50 +[\d.]+  p99 +[\d.]+  max +[\d.]+ ms   errors 0"
            names = ("put  4 clients x 10 B    ", "get  4 clients           ", "one stream, 256 in flight")
            for line, name, word in zip(
                done.stdout.splitlines(), names, ("acknowledged", "linearizable", "acknowledged"), strict=True
            ):
                found = re.fullmatch(f"{name} {figures.format(word)}", line)
                self.assertIsNotNone(found, line)
                assert found is not None
                self.assertGreater(int(found[1].replace(",", "")), 50)


class Real(harness.Test):
    """Against a cluster of three, one of them down."""

    def test_every_command_and_each_no(self) -> None:
        with Cluster(3) as cluster:
            cluster.peers[(cluster.leader() + 1) % 3].kill()
            for words, out, err, code in (
                *EVERYWHERE,
                ("get greeting", "servus\n", "", 0),
                ("get list", "", "client.py: no such key: list\n", 1),
                ("keys", "greeting\n", "", 0),
            ):
                self.says(cluster, words, out, err, code)

    def test_status_knows_every_field_of_who_is_up_and_when_who_is_down_was_heard(self) -> None:
        with Cluster(3) as cluster:
            leader = cluster.leader()
            follower, down = (leader + 1) % 3, (leader + 2) % 3
            self.assertEqual(cluster.client("put", "a", "b").returncode, 0)
            cluster.agreed()
            cluster.peers[down].kill()
            lines = cluster.client("status").stdout.splitlines()
            titles = r" peer  address +role +term  last  committed  applied  behind  heard   disk p99  queue"
            self.assertRegex(lines[0], f"^{titles}$")
            figures = r"+\d+ +\d+ +\d+ +\d+"
            for id, row in (
                (leader, rf"leader {figures} +- +- +\d+\.\d ms +\d+"),
                (follower, rf"follower {figures} +\d+ +0\.\d\d s +\d+\.\d ms +\d+"),
                (down, r"down +- +- +- +- +- +\d+\.\d\d s +- +-"),
            ):
                self.assertRegex(lines[id + 1], rf"^ {id} +{cluster.addresses[id]}  {row}$")
            self.assertEqual(lines[4:], [" quorum 2 of 3: ok, one more failure would stop writes"])
            self.every_field(cluster, leader, follower, down)

    def every_field(self, cluster: Cluster, leader: int, follower: int, down: int) -> None:
        """Of `status --json`."""
        told = json.loads(cluster.client("status", "--json").stdout)
        self.assertEqual(list(told), ["cluster", "leader", "peers"])
        self.assertRegex(told["cluster"], "^[0-9a-f]{16}$")
        self.assertEqual(told["leader"], leader)
        rows = told["peers"]
        self.assertEqual([row["id"] for row in rows], [0, 1, 2])
        self.assertEqual([row["address"] for row in rows], cluster.addresses)
        for row in rows:
            self.assertEqual(tuple(row), table.FIELDS)
        known = {name for name, value in rows[down].items() if value is not None}
        self.assertEqual((known, rows[down]["role"]), ({"id", "address", "role", "heard_ms"}, "down"))
        for id, role in ((leader, "leader"), (follower, "follower")):
            row, peer = rows[id], cluster.peers[id]
            self.assertEqual((row["role"], row["leader"], row["snapshots_installed"]), (role, leader, 0))
            self.assertEqual((row["front_pid"], row["pid"]), peer.pids)
            self.assertTrue(1 <= row["first"] <= row["applied"] <= row["commit"] <= row["last"], row)
            self.assertRegex(row["digest"], "^[0-9a-f]{8}$")
            reasons = {"checksum", "cluster", "incarnation", "version", "kind", "malformed", "full"}
            self.assertEqual(set(row["refused"]), reasons)
            self.assertTrue(all(row[name] >= 1 for name in ("term", "syncs", "disk_p99_us")), row)
            self.assertGreaterEqual(row["queue"], 0)
        self.assertEqual(rows[leader]["term"], rows[follower]["term"])
        self.assertEqual(rows[leader]["digest"], rows[follower]["digest"], "nothing was written since")
        self.assertIsNone(rows[leader]["heard_ms"])
        self.assertTrue(0 <= rows[follower]["heard_ms"] < rows[down]["heard_ms"], rows)


class NobodyAnswers(harness.Test):
    """When the cluster is down, in part or whole."""

    def test_a_write_that_was_not_sent(self) -> None:
        with fake(3, start=False) as cluster:
            a, b, c = cluster.addresses
            done = cluster.client("put", "a", "b")
            lines = [
                "client.py: no answer within 5.0 s; the write was not sent",
                f"  {a}  connection refused",
                f"  {b}  connection refused",
                f"  {c}  connection refused",
                "Is the cluster running? Two of three peers must be up. "
                "Start one with: python3 examples/grpc/cluster.py",
            ]
            self.assertEqual((done.returncode, done.stdout, done.stderr.splitlines()), (75, "", lines))

    def test_a_write_that_was_sent_may_have_happened(self) -> None:
        with fake(1) as cluster:
            done = cluster.client("put", "status:6", "b")
            lines = done.stderr.splitlines()
            self.assertEqual(done.returncode, 75)
            self.assertEqual(lines[0], "client.py: no answer within 5.0 s; the write may or may not have happened")
            self.assertEqual(lines[1], f"  {cluster.addresses[0]}  peer 0 leads term 1, but did not answer in time")

    def test_a_read_has_no_fate(self) -> None:
        with fake(1, "silent") as cluster:
            done = cluster.client("get", "a")
            lines = done.stderr.splitlines()
            self.assertEqual(done.returncode, 75)
            self.assertEqual(lines[0], "client.py: no answer within 5.0 s")
            self.assertEqual(lines[1], f"  {cluster.addresses[0]}  no answer within 1 s")

    def test_a_peer_that_is_full_says_so(self) -> None:
        with fake(1) as cluster:
            done = cluster.client("put", "status:1", "b")
            self.assertEqual(done.returncode, 75)
            self.assertEqual(done.stderr.splitlines()[0], "client.py: full: as you wish; the write was not sent")

    def test_status_of_nobody(self) -> None:
        with fake(2, start=False) as cluster:
            done = cluster.client("status", "--json")
            self.assertEqual(done.returncode, 75)
            self.assertEqual(done.stderr.splitlines()[0], "client.py: no peer answers")
            told = json.loads(done.stdout)
            self.assertEqual([peer["role"] for peer in told["peers"]], ["down", "down"])
            self.assertEqual((told["leader"], told["cluster"]), (None, None))


def peer(id: int, role: str, term: int, leader: int | None, last: int, **more: object) -> dict[str, Any]:
    """What a peer tells."""
    refused = dict.fromkeys(("checksum", "cluster", "incarnation", "version", "kind", "malformed", "full"), 0)
    return {
        "cluster": "7c9e000000000000", "id": id, "address": "elsewhere", "role": role, "term": term, "leader": leader,
        "first": 1, "last": last, "commit": last, "applied": last, "digest": None, "disk_p99_us": 912, "syncs": 3,
        "queue": 0, "snapshots_installed": 0, "refused": refused, "heard": None, "pid": 7, "front_pid": 8, **more,
    }  # fmt: skip


class Table(harness.Test):
    """What `status` shows."""

    ADDRESSES = ("127.0.0.1:4000", "127.0.0.1:4001", "127.0.0.1:4002")

    def test_the_table_of_the_manual(self) -> None:
        heard = {"heard": {"0": 30, "2": 4210}}
        told = [peer(0, "follower", 1, 1, 12), peer(1, "leader", 1, 1, 12, disk_p99_us=800, **heard), None]
        shown = table.table(table.gathered(list(self.ADDRESSES), told), colours=False)
        expected = (
            " peer  address         role      term  last  committed  applied  behind  heard   disk p99  queue",
            " 0     127.0.0.1:4000  follower     1    12         12       12       0  0.03 s    0.9 ms      0",
            " 1     127.0.0.1:4001  leader       1    12         12       12       -       -    0.8 ms      0",
            " 2     127.0.0.1:4002  down         -     -          -        -       -  4.21 s         -      -",
            " quorum 2 of 3: ok, one more failure would stop writes",
        )
        self.assertEqual(shown, "\n".join(expected))

    def test_the_quorum_line(self) -> None:
        up = [peer(n, "leader" if n == 0 else "follower", 2, 0, 5) for n in range(3)]
        lost = [None, None, peer(2, "pre-candidate", 2, None, 5)]
        idle = [None, peer(1, "candidate", 3, None, 5), peer(2, "follower", 2, None, 5)]
        for told, says in (
            (up, "ok"),
            (lost, "lost, writes wait until one more peer is up"),
            (idle, "there, but nobody leads yet"),
        ):
            shown = table.table(table.gathered(list(self.ADDRESSES), told), colours=False)
            self.assertEqual(shown.splitlines()[-1], f" quorum 2 of 3: {says}")

    def test_json_has_every_field_for_every_peer(self) -> None:
        told = [peer(0, "leader", 4, 0, 12, heard={"1": 20, "2": 31}), peer(1, "follower", 4, 0, 11), None]
        cluster = table.gathered(list(self.ADDRESSES), told)
        self.assertEqual((cluster["cluster"], cluster["leader"]), ("7c9e000000000000", 0))
        for row, address in zip(cluster["peers"], self.ADDRESSES, strict=True):
            self.assertEqual(tuple(row), table.FIELDS)
            self.assertEqual(row["address"], address, "as the client reaches it")
        self.assertEqual([row["heard_ms"] for row in cluster["peers"]], [None, 20, 31])
        down = cluster["peers"][2]
        known = {"id": 2, "address": self.ADDRESSES[2], "role": "down", "heard_ms": 31}
        self.assertEqual({name: value for name, value in down.items() if value is not None}, known)

    def test_the_leader_is_the_one_of_the_highest_term(self) -> None:
        for told, leader in (
            ([peer(0, "leader", 4, 0, 9), peer(1, "leader", 5, 1, 9), peer(2, "follower", 5, 1, 9)], 1),
            ([peer(0, "leader", 4, 0, 9), peer(1, "candidate", 5, None, 9), None], None),
            ([None, None, None], None),
        ):
            self.assertEqual(table.gathered(list(self.ADDRESSES), told)["leader"], leader)

    def test_colours_mark_the_leader_and_who_is_down(self) -> None:
        told = [peer(0, "follower", 1, 1, 12), peer(1, "leader", 1, 1, 12), None]
        lines = table.table(table.gathered(list(self.ADDRESSES), told), colours=True).splitlines()
        self.assertEqual([line.startswith("\x1b") for line in lines], [False, False, True, True, True])
        self.assertTrue(lines[2].startswith(table.BOLD) and lines[3].startswith(table.RED))
        self.assertTrue(lines[4].startswith(table.YELLOW))


class Sessions(harness.Test):
    """A write is repeated in its session."""

    def test_a_write_that_is_repeated_is_applied_once(self) -> None:
        """The peer takes it and does not answer; asked again, it says what came of the first."""
        with fake(1, "lost") as cluster:
            for sent in (1, 2):
                done = cluster.client("append", "list", str(sent))
                self.assertEqual((done.returncode, done.stdout), (0, f"{sent}\n"), done.stderr)
            self.assertEqual(cluster.client("get", "list").stdout, "1\n2\n")


if __name__ == "__main__":
    harness.main()
