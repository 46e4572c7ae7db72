"""The Python environment under ``target/python``: made by the standard library alone, once per recipe.

::

    target/python/venv-3.11      a virtual environment with requirements.txt installed     stamp: recipe, Python version
    target/python/stubs-1.85.1   api_pb2.py, api_pb2_grpc.py                               stamp: api.proto
    target/python/lock           held while either is made, so that two who come together make it once

``examples/grpc/api`` is the reader's own and never touched here.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .places import HERE, Refusal, target


class Progress:
    """Is told of each step as it begins and as it ends; this one keeps silent."""

    def begin(self, what: str, where: Path, doing: str) -> None:
        """A step begins: ``environment``, its place, ``making``."""

    def done(self, how: str, remark: str = "") -> None:
        """It has ended: ``made``, ``built``, or ``ready`` if there was nothing to do."""


@dataclass(frozen=True)
class Environment:
    """A Python that can import gRPC, and the stubs made for it."""

    python: Path
    stubs: Path


def pinned(name: str) -> str:
    """The version that requirements.txt asks for."""
    found = re.search(rf"(?m)^{re.escape(name)}==(\S+)", (HERE / "requirements.txt").read_text(encoding="utf-8"))
    return found[1] if found else "any"


def _stubs() -> Path:
    return target() / "python" / f"stubs-{pinned('grpcio-tools')}"


def _stamp(*parts: Path | str) -> str:
    """What a thing was made from, as a line."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()


def _is_stamped(place: Path, stamp: str) -> bool:
    try:
        return (place / "rsm-stamp").read_text() == stamp
    except OSError:
        return False


def made() -> Environment | None:
    """The environment that was made before, by this Python or another; nothing is made."""
    base = target() / "python"
    own = f"venv-{sys.version_info[0]}.{sys.version_info[1]}"
    for place in [base / own, *sorted(base.glob("venv-[0-9]*"), reverse=True)]:
        python = place / "bin" / "python"
        if (place / "rsm-stamp").is_file() and python.exists() and (_stubs() / "rsm-stamp").is_file():
            return Environment(python, _stubs())
    return None


def prepare(progress: Progress) -> Environment:
    """Makes what is missing; :class:`Refusal` if Python lacks what that takes."""
    with _locked():
        python = _venv("venv", HERE / "requirements.txt", progress)
        stubs = _stubs()
        stamp = _stamp(HERE / "api.proto", HERE / "requirements.txt")
        progress.begin("stubs", stubs, "making")
        if not (ready := _is_stamped(stubs, stamp)):
            _make_stubs(python, stubs, stamp)
        progress.done("ready" if ready else "made")
    return Environment(python, stubs)


def prepare_checks(progress: Progress) -> Environment:
    """The same stubs, and a Python with the tools that check types and lint besides."""
    stubs = prepare(progress).stubs
    with _locked():
        return Environment(_venv("checks", HERE / "requirements-dev.txt", progress), stubs)


def _venv(kind: str, recipe: Path, progress: Progress) -> Path:
    """A virtual environment with everything in a recipe."""
    venv = target() / "python" / f"{kind}-{sys.version_info[0]}.{sys.version_info[1]}"
    # A venv that was moved, or whose Python was replaced, does not run.
    stamp = _stamp(recipe, HERE / "requirements.txt", sys.version, str(venv))
    progress.begin("environment", venv, "making")
    if not (ready := _is_stamped(venv, stamp)):
        _make_venv(venv, recipe, stamp)
    progress.done("ready" if ready else "made", f"(grpcio {pinned('grpcio')}, protobuf {pinned('protobuf')})")
    return venv / "bin" / "python"


def _make_venv(venv: Path, recipe: Path, stamp: str) -> None:
    if any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        raise Refusal("Python lacks venv; run: apt install python3-venv")
    shutil.rmtree(venv, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(venv)], "cannot make a virtual environment; run: apt install python3-venv")
    install = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*install, "-r", str(recipe)], f"cannot install {recipe.name}; is the package registry within reach?")
    (venv / "rsm-stamp").write_text(stamp)


def _make_stubs(python: Path, stubs: Path, stamp: str) -> None:
    fresh = stubs.with_name(f"{stubs.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    outs = [f"--{kind}_out={fresh}" for kind in ("python", "pyi", "grpc_python")]
    run([str(python), "-m", "grpc_tools.protoc", f"-I{HERE}", *outs, "api.proto"], "cannot make the stubs")
    (fresh / "rsm-stamp").write_text(stamp)
    shutil.rmtree(stubs, ignore_errors=True)
    fresh.rename(stubs)


def run(command: list[str], sorry: str, where: Path = HERE) -> None:
    """Runs a command in silence; a :class:`Refusal` with what it said if it fails."""
    try:
        done = subprocess.run(command, cwd=where, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Refusal(f"{sorry} ({error.strerror}: {command[0]})") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).rstrip()
        raise Refusal(f"{sorry}\n{said}" if said else sorry)


@contextmanager
def _locked() -> Iterator[None]:
    """Holds the lock of ``target/python``: whoever comes second waits, and finds the work done."""
    base = target() / "python"
    base.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(base / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
