"""The status of a cluster: one row per peer, for people as a table, for programs as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

FIELDS = (
    "id", "address", "role", "term", "leader", "first", "last", "commit", "applied", "digest", "heard_ms",
    "disk_p99_us", "syncs", "queue", "snapshots_installed", "refused", "pid", "front_pid",
)  # fmt: skip
"""The fields of a row, always there, null where unknown."""

TITLES = ("peer", "address", "role", "term", "last", "committed", "applied", "behind", "heard ", "disk p99", "queue")

BOLD, RED, YELLOW, PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[0m"


def gathered(peers: list[str], statuses: Sequence[dict[str, Any] | None]) -> dict[str, Any]:
    """One object for the whole cluster, from what each peer has told."""
    told = [status for status in statuses if status is not None]
    term = max((status["term"] for status in told), default=0)
    leaders = [status["leader"] for status in told if status["term"] == term and status["leader"] is not None]
    leader = leaders[0] if leaders else None
    heard: dict[str, int] = {}
    for known in sorted(told, key=lambda status: int(status["term"])):
        if known["role"] == "leader":
            heard = known.get("heard") or {}
    rows = []
    for place, (address, status) in enumerate(zip(peers, statuses, strict=True)):
        row: dict[str, Any] = {**dict.fromkeys(FIELDS), "id": place, "role": "down"}
        row |= {field: value for field, value in (status or {}).items() if field in FIELDS}
        row["address"] = address
        row["heard_ms"] = None if row["role"] == "leader" else heard.get(str(row["id"]))
        rows.append(row)
    rows.sort(key=lambda row: int(row["id"]))
    return {"cluster": next((status["cluster"] for status in told), None), "leader": leader, "peers": rows}


def table(cluster: dict[str, Any], colours: bool) -> str:
    """The table, and what the cluster can bear."""
    rows = cluster["peers"]
    last = next((row["last"] for row in rows if row["role"] == "leader"), None)
    cells = [[_cell(title, row, last) for title in TITLES] for row in rows]
    widths = [max(map(len, column)) for column in zip(TITLES, *cells, strict=True)]
    lines = [" " + "  ".join(_placed(n, title, widths[n]) for n, title in enumerate(TITLES))]
    for row, line in zip(rows, cells, strict=True):
        text = " " + "  ".join(_placed(n, cell, widths[n]) for n, cell in enumerate(line))
        colour = {"leader": BOLD, "down": RED}.get(row["role"], "")
        lines.append(f"{colour}{text.rstrip()}{PLAIN}" if colours and colour else text.rstrip())
    text, colour = _verdict(cluster)
    lines[0] = lines[0].rstrip()
    return "\n".join([*lines, f"{colour}{text}{PLAIN}" if colours and colour else text])


def _placed(column: int, text: str, width: int) -> str:
    return text.ljust(width) if column < 3 else text.rjust(width)


def _cell(title: str, row: dict[str, Any], last: int | None) -> str:
    """What stands in a row under a title."""
    if title == "behind":
        known = last is not None and row["last"] is not None and row["role"] != "leader"
        return str(max(0, int(last or 0) - row["last"])) if known else "-"
    if title == "heard ":
        return f"{row['heard_ms'] / 1000:.2f} s" if row["heard_ms"] is not None else "-"
    if title == "disk p99":
        return f"{row['disk_p99_us'] / 1000:.1f} ms" if row["disk_p99_us"] is not None else "-"
    value = row[{"peer": "id", "committed": "commit"}.get(title, title)]
    return "-" if value is None else str(value)


def _verdict(cluster: dict[str, Any]) -> tuple[str, str]:
    """Whether writes go on, and what would stop them."""
    rows = cluster["peers"]
    need, up = len(rows) // 2 + 1, sum(row["role"] not in ("down", "newborn") for row in rows)
    quorum = f" quorum {need} of {len(rows)}: "
    if up < need:
        more = "one more peer is" if need - up == 1 else f"{need - up} more peers are"
        return f"{quorum}lost, writes wait until {more} up", RED
    if cluster["leader"] is None:
        return f"{quorum}there, but nobody leads yet", YELLOW
    if up == need and len(rows) > 1:
        return f"{quorum}ok, one more failure would stop writes", YELLOW
    return f"{quorum}ok", ""
