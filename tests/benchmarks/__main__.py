"""Measure this server beside the bare echo, the model alone and every peer that is installed, in one run.

From the folder ``tests``::

    python -m benchmarks                                     # everything, without peers
    python -m benchmarks grpc rest --quick --peer litserve=/path/to/its/venv/bin/python

See ``benchmarks/README.md`` for what each scenario shows and how peers are installed.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from benchmarks import machine, report
from benchmarks.bench import Bench, Plan
from benchmarks.contenders import OURS, PEERS
from benchmarks.results import Results
from benchmarks.scenarios import SCENARIOS


def main() -> int:
    """Run; 1 if this server failed somewhere."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # Not without ending the servers.
    options = _options()
    plan = Plan(
        seconds=1 if options.quick else options.seconds,
        repeats=1 if options.quick else options.repeats,
        core=options.server_core,
        load_core=options.load_core,
        quick=options.quick,
        pythons=dict(options.peer),
    )
    os.sched_setaffinity(0, {plan.load_core})  # It copies versions and asks for their states meanwhile.
    results = Results(machine.facts(plan.pythons))
    results.facts["measured"] = f"for {plan.seconds} s each, medians of {plan.repeats}"
    results.missing |= {name: "not installed" for name in PEERS if name not in plan.pythons}
    with Bench(plan, results) as bench:
        for name in options.scenarios or SCENARIOS:
            with bench.tolerance(name):
                SCENARIOS[name].run(bench)
            report.write(results, options.out)
    print((options.out / "results.md").read_text())
    return int(any(name in results.missing for name in (OURS, *SCENARIOS)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "scenarios",
        nargs="*",
        choices=[[], *SCENARIOS],
        metavar="SCENARIO",
        help=f"some of {', '.join(SCENARIOS)}; all if none is named",
    )
    parser.add_argument("--peer", action="append", type=_peer, default=[], metavar="NAME=PYTHON")
    parser.add_argument(
        "--quick", action="store_true", help="see whether everything works; figures mean nothing"
    )
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=3, help="of which the median counts")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=(os.cpu_count() or 2) - 1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", metavar="FOLDER")
    return parser.parse_args()


def _peer(text: str) -> tuple[str, str]:
    name, _, python = text.partition("=")
    if name not in PEERS or not Path(python).exists():
        raise argparse.ArgumentTypeError(f"give one of {', '.join(PEERS)} with an interpreter that exists")
    return name, str(Path(python).absolute())


if __name__ == "__main__":
    sys.exit(main())
