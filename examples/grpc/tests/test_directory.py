"""What a directory and a list of peers have to do with each other, and how it is said when they do not fit."""

from __future__ import annotations

import os
import shutil
import signal

import harness
from harness import Cluster, is_running, script, wait

import api_pb2 as api

TIME = r"^\d\d:\d\d:\d\d\.\d{3} "


class Directories(harness.Test):
    """Of real executables."""

    def refused(self, cluster: Cluster, peer: int, says: str, *options: str) -> None:
        """A peer does not start, says one line, and its front end exits with 2."""
        program = cluster.peers[peer].start(*options, listening=False).program
        self.assertEqual((program.wait(), program.lines), (2, [says]))

    def test_one_that_is_in_use_or_another_peers_is_refused(self) -> None:
        with Cluster(3) as cluster:
            cluster.leader()
            used = cluster.peers[1].directory
            holder = cluster.peers[1].program
            elsewhere = f"127.0.0.1:{harness.free_port()}"
            self.refused(cluster, 1, f"{used} is in use", "--listen", elsewhere)
            holder.end()
            wait(lambda: not is_running(cluster.peers[1].executable_pid), 5.0, "the executable leaves")
            self.refused(cluster, 0, f"{used} belongs to peer 1", "--dir", str(used), "--listen", elsewhere)

    def test_a_list_with_other_ids_is_refused_and_one_with_other_addresses_is_taken(self) -> None:
        with Cluster(3) as cluster:
            cluster.leader()
            cluster.stub(0).Put(api.PutRequest(key=b"a", value=b"kept"), timeout=5.0)
            cluster.agreed()
            for peer in cluster.peers:
                peer.program.send(signal.SIGTERM)
                peer.program.wait()
            listed = cluster.peers_file.read_text()
            cluster.peers_file.write_text(f"{listed}- 127.0.0.1:{harness.free_port()}\n")
            says = (
                f"{cluster.peers[0].directory} was made for other members than peers.yml lists; put the list back, or "
                "choose another directory with --dir (cluster.py: --fresh)"
            )
            self.refused(cluster, 0, says)
            cluster.addresses[:] = [f"127.0.0.1:{harness.free_port()}" for _ in range(3)]
            cluster.peers_file.write_text("".join(f"- {address}\n" for address in cluster.addresses))
            for channel in cluster.forget_channels():
                channel.close()
            cluster.start()
            cluster.leader()
            for peer in cluster.peers:
                said = [line for line in peer.program.lines if "addresses" in line]
                self.assertEqual(len(said), 1, said)
                self.assertRegex(said[0], TIME + "the members' addresses have changed since the last start$")
            self.assertEqual(cluster.stub(1).Get(api.GetRequest(key=b"a"), timeout=5.0).string, b"kept")

    def test_a_peer_that_read_another_list_is_named_by_its_address(self) -> None:
        with Cluster(3, start=False) as cluster:
            cluster.peers[0].start()
            cluster.peers[1].start()
            listed = cluster.peers_file.read_text()
            cluster.peers_file.write_text(f"{listed}- 127.0.0.1:{harness.free_port()}\n")
            cluster.peers[2].start()
            question = "do all peers read the same peers.yml?"
            cluster.peers[0].program.hear(
                rf"{TIME}packets of another cluster from peer 2, {cluster.addresses[2]}; {question}"
            )
            cluster.peers[2].program.hear(rf"{TIME}packets of another cluster from peer \d, \S+; {question}")

    def test_a_first_start_waits_for_every_member_or_for_the_operators_word(self) -> None:
        with Cluster(3, start=False) as cluster:
            cluster.peers[0].start()
            cluster.peers[1].start()
            life = cluster.peers[0].program.hear(
                TIME + r"newborn, waits for 2: a first start needs every member up once \(if this is peer 0's first "
                r"directory: --first-boot ([0-9a-f]{16}) makes do with one other\)$"
            )[1]
            for peer in (0, 1):
                status = cluster.status(peer)
                assert status is not None
                self.assertEqual(status["role"], "newborn")
            cluster.peers[0].program.send(signal.SIGTERM)
            self.assertEqual(cluster.peers[0].program.wait(), 0)
            cluster.peers[0].start("--first-boot", life)
            cluster.peers[0].program.hear(TIME + "born, attested by 1$")
            cluster.peers[2].start()
            cluster.leader()

    def test_a_front_end_that_is_killed_alone_drains_its_executable(self) -> None:
        """A shell in between writes down how the executable has ended."""
        code = 'executable=$1; shift; "$executable" "$@"; echo $? > "$RSM_CODE"'
        with (
            script("sh", "-c", code, "sh", harness.real_executable()) as executable,
            Cluster(1, executable=executable, start=False) as cluster,
        ):
            written = cluster.directory / "code"
            cluster.env["RSM_CODE"] = str(written)
            peer = cluster.peers[0].start()
            cluster.leader()
            cluster.stub(0).Put(api.PutRequest(key=b"a", value=b"kept"), timeout=5.0)
            peer.program.send(signal.SIGKILL)
            wait(lambda: written.exists() and written.read_text() == "0\n", 2.0, "exit code 0 within 2 s")
            peer.start()
            self.assertEqual(cluster.stub(0).Get(api.GetRequest(key=b"a"), timeout=5.0).string, b"kept")

    def test_an_executable_that_is_told_to_leave_drains_and_so_does_its_front_end(self) -> None:
        with Cluster(1) as cluster:
            cluster.leader()
            peer = cluster.peers[0]
            os.kill(peer.executable_pid, signal.SIGTERM)
            self.assertEqual(peer.program.wait(3.0), 0, peer.program.text())
            self.assertRegex(peer.program.lines[-1], TIME + "drained, exit 0$")

    def test_a_directory_that_was_copied_aside_and_put_back_is_the_same_life(self) -> None:
        with Cluster(1) as cluster:
            cluster.leader()
            cluster.stub(0).Put(api.PutRequest(key=b"a", value=b"kept"), timeout=5.0)
            peer = cluster.peers[0]
            peer.program.send(signal.SIGTERM)
            peer.program.wait()
            aside = peer.directory.with_name("aside")
            shutil.copytree(peer.directory, aside)
            shutil.rmtree(peer.directory)
            shutil.copytree(aside, peer.directory)
            peer.start()
            cluster.leader()
            self.assertEqual(cluster.stub(0).Get(api.GetRequest(key=b"a"), timeout=5.0).string, b"kept")


if __name__ == "__main__":
    harness.main()
