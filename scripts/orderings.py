"""The accesses of `sync` and `fsm` that pair with another, as their source says: what `weaken.py` makes weaker."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A comment, a string (its words are not code), a character.
MASKED = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|\'(?:\\.|[^\'\\])\'', re.DOTALL)
PAIRS = re.compile(r"\b(Ordering::)?(Acquire|Release|AcqRel|SeqCst)\b")
TESTS = re.compile(r"^#\[cfg\((?:all\()?test\b[^\n]*\n(?:pub(?:\([a-z]+\))? )?mod ", re.MULTILINE)
MODELS = re.compile(r"\bmodels? ((?:`\w+`(?:, | and | or )?)+)")
# What stands between an ordering and the access that it is for.
SEE_THROUGH = {"unless"}
# A comment stands above its access, in the same paragraph, at most so many lines away; as in `tests/tidy.rs`.
REACH = 16


@dataclass(frozen=True)
class Access:
    """One access, or one half of it: what is taken from it, and what is said about that."""

    file: str
    line: int
    function: str
    method: str
    ordering: str
    part: str
    comment: str
    models: tuple[str, ...]

    @property
    def flip(self) -> str:
        """As `RSM_WEAKEN` wants it."""
        return f"{self.file}:{self.line}" + (f":{self.part}" if self.part else "")

    @property
    def shown(self) -> str:
        """The ordering, and which part of it is taken."""
        return f"{self.ordering} ({self.part})" if self.part else self.ordering

    @property
    def has_litmus(self) -> bool:
        """Whether the comment shows what no model can."""
        return "litmus" in self.comment.lower()


class UnclearError(Exception):
    """An ordering that is not an argument of a call."""


def accesses() -> list[Access]:
    """All of them, in the order of the source."""
    files = sorted(path for floor in ("sync", "fsm") for path in (ROOT / "src" / floor).rglob("*.rs"))
    return [access for path in files if is_product(path) for access in of_file(path)]


def is_product(path: Path) -> bool:
    """Not the shim, and not what only models and tests have."""
    inside = path.relative_to(ROOT / "src").as_posix()
    return not inside.startswith("sync/shim") and path.name not in {"model.rs", "models.rs", "tests.rs"}


def of_file(path: Path) -> Iterator[Access]:
    """The accesses of one file."""
    text = path.read_text(encoding="utf-8")
    end = TESTS.search(text)
    text = text[: end.start()] if end else text
    code = MASKED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    globbed = re.search(r"^use [^;]*Ordering::(?:\*|\{)", code, re.MULTILINE) is not None
    lines = text.splitlines()
    seen: dict[int, int] = {}
    for found in PAIRS.finditer(code):
        line_start = code.rfind("\n", 0, found.start()) + 1
        if code[line_start:].lstrip().startswith(("use ", "pub ")) or not (found[1] or globbed):
            continue
        opened, method = call_of(code, found.start(), path)
        line = code.count("\n", 0, opened) + 1
        nth = seen[opened] = seen.get(opened, 0) + 1
        comment = comment_above(lines, code.count("\n", 0, found.start()))
        if "fault that a model switches on" in comment:
            continue
        function = re.findall(r"\bfn (\w+)", code[:opened])[-1]
        named = tuple(name for group in MODELS.findall(comment) for name in re.findall(r"`(\w+)`", group))
        file = path.relative_to(ROOT).as_posix()
        whole = Access(file, line, function, method, found[2], "", comment, named)
        # An access that both takes and gives is made weaker by halves.
        parts = ["failure"] if nth > 1 else ["acquire", "release"] if found[2] == "AcqRel" else [""]
        yield from (replace(whole, part=part) for part in parts)


def call_of(code: str, at: int, path: Path) -> tuple[int, str]:
    """Where the name of the call stands whose argument is at `at`, and the name."""
    depth = 0
    for place in range(at - 1, -1, -1):
        letter = code[place]
        if letter in ")]}":
            depth += 1
        elif letter in "([{":
            depth -= 1
        if depth >= 0:
            continue
        name = re.search(r"(\w+)(?:::<[^()]*>)?$", code[:place])
        if letter == "(" and name and name[1] not in SEE_THROUGH:
            return name.start(), name[1]
        if letter != "(":
            break
        depth = 0
    raise UnclearError(f"{path}:{code.count(chr(10), 0, at) + 1}: an ordering is written where it is used: in the call")


def comment_above(lines: list[str], at: int) -> str:
    """The nearest `ORDERING:` comment above, as one line; nothing if there is none."""
    for start in range(at, max(at - REACH, -1), -1):
        if not lines[start].strip():
            break
        if "// ORDERING:" in lines[start]:
            said = []
            for line in lines[start:]:
                if not line.strip().startswith("//"):
                    break
                said.append(line.strip().lstrip("/").strip())
            return " ".join(said)
    return ""
