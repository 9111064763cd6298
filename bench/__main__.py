"""``scripts/bench``: the command."""

import argparse
import sys
from pathlib import Path

from bench.failure import BenchError
from bench.report import write_json, written
from bench.run import MILLION, Order, run

DESCRIPTION = """\
Measure how fast this version of Pinakes is on this machine, beside its limit and beside a peer.

A PostgreSQL of Debian's is made for the run, filled with a generated catalogue, and thrown away.
Each round asks every contender for the same, for a window each; every other round goes in the
opposite order. The contenders:

  pinakes            'pinakes serve', without authentication, with tokens, and as two processes,
                     asked by wrk
  pgbench            the statements that this server was seen to send, with their parameters bound,
                     prepared, over the same socket: no server over PostgreSQL can be faster
  constant answers   our application answering the same bytes without a catalogue, and our server
                     with the smallest application there is: what HTTP alone costs
  mlflow             the model registry of MLflow 3.17.2 on the same PostgreSQL, 2,000 models

Told are medians over the rounds with their spread, p50 and p99 within a window, and the CPU that a
request costs in the server's processes and in PostgreSQL's. Ratios are taken within each round, and
never from fewer than three. CPU a request is steadier than rates: compare that first. Then each
goal with whether it was reached.

With a million models a suite of filters is run as well: every comparison of the query language on
every field, with and without matches, joins of up to four, every order.
"""

EPILOG = """\
examples:
  scripts/bench --quick                        20,000 models, three rounds, without MLflow
  scripts/bench --json figures.json            100,000 models, five rounds
  scripts/bench --models 1000000 --rounds 3    with the suite of filters

Nothing else should run beside it. docs/explanation/performance.md says how to read it.
exit codes: 0 measured, whatever became of the goals; 1 something could not be measured
"""

QUICK = Order(models=20_000, rounds=3, seconds=1, with_peer=False, with_filters=False)


def main() -> int:
    """Measure and tell."""
    arguments = _parser().parse_args()
    try:
        results = run(_order(arguments))
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        write_json(results, arguments.json)
    print(written(results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", type=_positive, help="models in the catalogue (100,000)")
    parser.add_argument("--rounds", type=_positive, help="rounds (5); below 3 there are no ratios")
    parser.add_argument("--seconds", type=_positive, help="length of a window (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")
    parser.add_argument("--quick", action="store_true", help="a first look in under three minutes")
    parser.add_argument("--filters", action="store_true", help="the suite of filters at any size")
    parser.add_argument("--no-mlflow", action="store_true", help="leave the peer out")
    return parser


def _order(arguments: argparse.Namespace) -> Order:
    usual = QUICK if arguments.quick else Order(100_000, 5, 3, with_peer=True, with_filters=False)
    models = arguments.models or usual.models
    return Order(
        models=models,
        rounds=arguments.rounds or usual.rounds,
        seconds=arguments.seconds or usual.seconds,
        with_peer=usual.with_peer and not arguments.no_mlflow,
        with_filters=arguments.filters or models >= MILLION,
    )


def _positive(text: str) -> int:
    number = int(text.replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
