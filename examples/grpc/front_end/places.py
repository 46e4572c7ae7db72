"""Where things lie: the list of peers, the executable, the stubs. Each refusal is one line that says what to do."""

from __future__ import annotations

import os
import re
import subprocess
from json import loads
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
"""The directory of ``peer.py``, ``client.py`` and ``cluster.py``."""

PROTOC = "python -m grpc_tools.protoc -I. --python_out=./api --grpc_python_out=./api api.proto"
"""How a reader makes the stubs, in ``examples/grpc``."""

PIP = "python -m pip install -r examples/grpc/requirements.txt"
"""How a reader installs gRPC, at the root."""


class Refusal(Exception):
    """Wrong use or set-up: one line that says what to do, and exit code 2."""


def read_peers(path: Path) -> list[str]:
    """The addresses in a plain list of ``- host:port`` lines; the place in the list is the peer's id."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Refusal(f"cannot read {path}: {why}; name a list of peers with --peers") from None
    addresses: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        address = line.removeprefix("-").strip().strip("'\"")
        if not line.startswith("-") or not is_address(address):
            raise Refusal(f"{path.name} line {number} is no `- host:port`: {raw.strip()}")
        if address in addresses:
            raise Refusal(f"{path.name} line {number}: {address} is listed twice")
        addresses.append(address)
    if not addresses:
        raise Refusal(f"{path.name} lists no peer; write one `- host:port` a line")
    return addresses


def is_address(text: str) -> bool:
    """Whether a text is ``host:port``."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:,=\[\]]+):(\d{1,5})", text)
    return found is not None and 0 < int(found[2]) < 65536


def shown(path: Path) -> str:
    """A path as a reader writes it: relative if it lies below the working directory."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def workspace() -> Path | None:
    """The root of the workspace: the first directory above with a ``Cargo.toml`` that speaks of one."""
    for place in HERE.parents:
        manifest = place / "Cargo.toml"
        if manifest.is_file() and re.search(r"(?m)^\[workspace\]", manifest.read_text(encoding="utf-8")):
            return place
    return None


def target() -> Path:
    """Where cargo builds to, as far as can be told without asking it."""
    named = os.environ.get("CARGO_TARGET_DIR") or os.environ.get("CARGO_BUILD_TARGET_DIR")
    root = workspace() or HERE
    return root / named if named else root / "target"


def executable() -> Path:
    """The most recently built executable of debug and release."""
    return _newest(target()) or _newest(_asked_target()) or _no_executable()


def _newest(place: Path | None) -> Path | None:
    """The newer of the executables: were release to win always, an old one would hide a fresh `cargo build`."""
    if place is None:
        return None
    built = [path for kind in ("debug", "release") if (path := place / kind / "grpc").is_file()]
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


def _asked_target() -> Path | None:
    """Where cargo says that it builds to: a configuration file may have moved it."""
    command = ["cargo", "metadata", "--no-deps", "--format-version=1", "--offline"]
    try:
        told = subprocess.run(command, cwd=HERE, capture_output=True, timeout=20, check=True).stdout
        return Path(loads(told)["target_directory"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return None


def _no_executable() -> Path:
    raise Refusal("no executable; run at the root: cargo build --bin grpc   (looked in target/release, target/debug)")


def check_stubs(place: Path) -> None:
    """Refuses a directory without stubs, before anything is started."""
    if not all((place / name).is_file() for name in ("api_pb2.py", "api_pb2_grpc.py")):
        name = "examples/grpc/api" if place == HERE / "api" else str(place)
        raise Refusal(f"no stubs in {name}; run in examples/grpc: mkdir api && {PROTOC}")
