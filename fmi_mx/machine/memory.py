"""How much memory this process may still take."""

from __future__ import annotations

import re
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
# A container's limit, what it takes, and what of that are files that can be thrown out of memory: cgroup v2 and v1.
CGROUP_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)


def available() -> int | None:
    """Bytes: what the machine has, and what a container's limit leaves of it; None where neither is known."""
    found = [amount for amount in (_of_the_machine(), _of_the_container()) if amount is not None]
    return min(found, default=None)


def _of_the_machine() -> int | None:
    try:
        kilobytes = re.search(r"^MemAvailable:\s*([0-9]+) kB$", MEMINFO.read_text(encoding="utf-8"), re.M)
    except OSError:
        return None
    return int(kilobytes[1]) * 1024 if kilobytes else None


def _of_the_container() -> int | None:
    for limit, taken, statistics, inactive in CGROUP_FILES:
        try:
            left = int(_text(limit)) - int(_text(taken))
            files = re.search(rf"^{inactive} ([0-9]+)$", _text(statistics), re.M)
        except (OSError, ValueError):  # not this version, or its limit is "max"
            continue
        return max(0, left + (int(files[1]) if files else 0))
    return None


def _text(name: str) -> str:
    return (CGROUP / name).read_text(encoding="utf-8")
