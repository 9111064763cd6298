"""The drill: a cluster of Patroni changes its primary under load, and we look with the clients.

Run by scripts/patroni-drill. One server goes through HAProxy, the other one knows all members.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chaos.load import Load, constant_load
from chaos.truth import untruths
from drill.cluster import PatroniCluster, patroni_cluster
from drill.processes import NeverHappenedError, wait_until
from drill.report import Event, lines
from parts import running_server

CLIENTS = 2
"""Of each server."""
WAYS = {"through HAProxy": True, "by the list of hosts": False}
QUIET_SECONDS = 3.0
"""Before and after each event, so that nothing of one is taken for the next."""


@dataclass
class Drill:
    """A cluster under the load of two servers."""

    cluster: PatroniCluster
    loads: dict[str, Load]

    def switchover(self) -> Event:
        """Hand the primary over to a standby."""
        before = self.cluster.leader()
        return self._see(
            "switchover",
            self.cluster.switch_over,
            lambda: self.cluster.await_primary(but=before),
        )

    def crash(self) -> Event:
        """Kill the primary's PostgreSQL; its Patroni stays, and does what it thinks best."""
        before = self.cluster.leader()
        return self._see("PostgreSQL killed", before.crash, self.cluster.await_primary)

    def loss(self) -> Event:
        """Kill the primary with its Patroni; it comes back as a standby."""
        before = self.cluster.leader()

        def await_another() -> None:
            self.cluster.await_primary(but=before)

        event = self._see("PostgreSQL and Patroni killed", before.lose, await_another)
        before.start(self.cluster.undo)
        return event

    def _see(
        self, name: str, happen: Callable[[], None], await_primary: Callable[[], None]
    ) -> Event:
        """Let something happen to a whole cluster, and wait until clients are well again."""
        self.cluster.await_whole()
        self._await_well_since(time.monotonic())
        time.sleep(QUIET_SECONDS)
        print(f"{name} ...", file=sys.stderr)
        began = time.monotonic()
        happen()
        await_primary()
        led = time.monotonic()
        self._await_well_since(led)
        ended = time.monotonic()
        time.sleep(QUIET_SECONDS)
        return Event(name, began, led, ended)

    def _await_well_since(self, moment: float) -> None:
        for way, load in self.loads.items():
            wait_until(partial(load.succeeds_since, moment), f"clients {way} read and write")


def main() -> int:
    """Run the drill; the result is 0 where clients were told nothing but the truth."""
    parser = argparse.ArgumentParser(prog="scripts/patroni-drill", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="how often each thing happens")
    rounds = parser.parse_args().rounds
    with patroni_cluster() as cluster:
        loads, events = _run(cluster, rounds)
        outcomes = [each for load in loads.values() for each in load.outcomes]
        untrue = untruths(outcomes, cluster.conninfo())
    for way, load in loads.items():
        print(*lines(way, load.outcomes, events), sep="\n")
    total = len(outcomes)
    print(f"answers that were not true, of {total}: {len(untrue)}", *untrue, sep="\n  ")
    return bool(untrue)


def _run(cluster: PatroniCluster, rounds: int) -> tuple[dict[str, Load], list[Event]]:
    """Let everything happen, with a server of each way and its clients."""
    with ExitStack() as undo:
        drill = Drill(cluster, {})
        for way, through_proxy in WAYS.items():
            directory = Path(undo.enter_context(tempfile.TemporaryDirectory()))
            environment = cluster.environment(through_proxy=through_proxy)
            server = undo.enter_context(running_server(directory, environment))
            drill.loads[way] = undo.enter_context(constant_load(server.url, CLIENTS))
        happen = (drill.switchover, drill.crash, drill.loss)
        events = [event() for _ in range(rounds) for event in happen]
        cluster.await_whole()
    return drill.loads, events


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NeverHappenedError as error:
        sys.exit(f"patroni-drill: waited in vain until {error}")
