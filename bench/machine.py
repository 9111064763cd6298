"""The machine and the versions that figures were taken with: nothing that tells whose it is."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from bench.database import Database

GIBIBYTE = 1024**3


def describe(database: Database) -> dict[str, str]:
    """Say what the figures hold for."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIBIBYTE
    with database.connect() as connection:
        row = connection.execute("select current_setting('server_version')").fetchone()
        buffers = connection.execute("select current_setting('shared_buffers')").fetchone()
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "postgresql": str(row[0]) if row else "?",
        "shared_buffers": str(buffers[0]) if buffers else "?",
        "connection": "socket in the file system",
        **{name: version(name) for name in ("pinakes", "psycopg", "uvicorn", "starlette")},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
