"""The CPU and the memory of a process and all its children, as the kernel counts them."""

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
TICK_MICROSECONDS = 1_000_000 / os.sysconf("SC_CLK_TCK")
PARENT, USER, SYSTEM, REAPED_USER, REAPED_SYSTEM = 1, 11, 12, 13, 14
"""Places of the fields of ``/proc/PID/stat`` behind the name of the program (see proc(5))."""
MEGABYTE = 1024
"""In the kilobytes that the kernel speaks."""


def cpu_microseconds(root: int) -> float:
    """Return the CPU time that a process tree has used, that of its dead children too."""
    ticks = sum(
        sum(int(fields[place]) for place in (USER, SYSTEM, REAPED_USER, REAPED_SYSTEM))
        for fields in map(_stat_of, tree(root))
        if fields
    )
    return ticks * TICK_MICROSECONDS


def resident_megabytes(root: int) -> float:
    """Return the resident memory of a process tree; what is shared counts for each."""
    return sum(_status_kilobytes(pid, "VmRSS") for pid in tree(root)) / MEGABYTE


def peak_megabytes(pid: int) -> float:
    """Return the most resident memory that a process has had since its program began.

    Not what ``wait4`` tells: that begins with the memory of the process which it was made by.
    """
    return _status_kilobytes(pid, "VmHWM") / MEGABYTE


def tree(root: int) -> Iterator[int]:
    """Return a process and all that descend from it."""
    parents = {int(entry.name): _stat_of(int(entry.name)) for entry in PROC.glob("[0-9]*")}
    found = {root}
    while True:
        more = {
            pid
            for pid, fields in parents.items()
            if fields and pid not in found and int(fields[PARENT]) in found
        }
        if not more:
            return iter(sorted(found))
        found |= more


def _stat_of(pid: int) -> list[str]:
    """Return the fields behind the name of the program; none of a process that has ended."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _status_kilobytes(pid: int, name: str) -> int:
    """Return a size of a process; 0 of one that has ended."""
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
