"""The programs of the two model checkers: built under their cfg, each in a target directory of its own."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Kind:
    """A checker: its cfg is `rsm_` and its name, its programs are the test of that name."""

    name: str


LOOM, SHUTTLE = Kind("loom"), Kind("shuttle")


def build(kind: Kind) -> Path:
    """The executable that runs them."""
    profile = ["--profile", "model", "--target-dir", f"target/{kind.name}"]
    what = ["cargo", "test", "-p", "rsm", *profile, "--test", kind.name]
    flags = os.environ | {"RUSTFLAGS": f"--cfg rsm_{kind.name}"}
    how = ["--no-run", "--message-format", "json-render-diagnostics"]
    made = subprocess.run([*what, *how], cwd=ROOT, env=flags, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in made.stdout.splitlines()]
    return Path(next(message["executable"] for message in reversed(messages) if message.get("executable")))


def put_into_page(page: Path, mark: str, table: str) -> None:
    """Replaces what stands between the marks of this name."""
    begin, end = f"<!-- {mark}: begin -->\n", f"<!-- {mark}: end -->\n"
    head, rest = page.read_text(encoding="utf-8").split(begin)
    page.write_text(head + begin + table + end + rest.split(end)[1], encoding="utf-8")
