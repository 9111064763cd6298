"""Everything that one run of the benchmark found out."""

from dataclasses import dataclass, field

from bench.life import KeepAlive, Memory
from bench.rounds import Rounds
from bench.suite import Depth, Timed
from bench.transfer import Carried


@dataclass
class Results:
    """What was measured; what was not is empty."""

    models: int
    seed: int
    machine: dict[str, str]
    rounds: Rounds = field(default_factory=Rounds)
    imports: list[Carried] = field(default_factory=list[Carried])
    exports: list[Carried] = field(default_factory=list[Carried])
    listens_ms: list[float] = field(default_factory=list[float])
    ready_ms: list[float] = field(default_factory=list[float])
    load_seconds: float = 0.0
    memory: Memory | None = None
    keep_alive: dict[str, KeepAlive] = field(default_factory=dict[str, KeepAlive])
    filters: list[Timed] = field(default_factory=list[Timed])
    depth: Depth | None = None
