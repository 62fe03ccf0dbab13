"""Runs all cases and prints a line for each claim; ends with 1 where one did not come out as it has to."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time

from . import handshakes, keyupdates, postquantum
from .case import Case
from .search import Outcome

GROUPS = [
    ("Handshake: what has to hold", handshakes.HOLDING),
    ("ML-DSA identities: what has to hold", postquantum.HOLDING),
    ("Key update: what has to hold", keyupdates.HOLDING),
    ("Beyond what is promised: the attack has to be found", handshakes.LIMITS + postquantum.LIMITS + keyupdates.LIMITS),
    ("A rule left out: the attack has to be found", handshakes.BROKEN + postquantum.BROKEN + keyupdates.BROKEN),
    (
        "A rule left out that the model sees no need of: has to hold",
        handshakes.UNNEEDED + postquantum.UNNEEDED + keyupdates.UNNEEDED),
]


def _run(place: tuple[int, int]) -> Outcome:
    return GROUPS[place[0]][1][place[1]].run()


def main() -> int:
    options = _options()
    # So that the pool's processes end, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    started = time.monotonic()
    places = [
        (group, index) for group, (_, cases) in enumerate(GROUPS) for index, case in enumerate(cases)
        if (options.long or not case.is_long) and options.only in case.name]
    faults, states, said = [], 0, None
    with multiprocessing.Pool(options.jobs, maxtasksperchild=1) as pool:
        for place, outcome in zip(places, pool.imap(_run, places)):
            title, cases = GROUPS[place[0]]
            if title != said:
                print(f"\n{title}", flush=True)
                said = title
            case = cases[place[1]]
            _tell(case, outcome, options.traces)
            states += outcome.states
            faults += [f"{case.name}: {fault}" for fault in case.faults(outcome)]
    faults += [f"{name}: nothing shows that it can fail" for name in _unshaken()]
    print(f"\n{len(places)} cases, {states} states, {time.monotonic() - started:.0f} s")
    for fault in faults:
        print(f"WRONG: {fault}")
    return 1 if faults else 0


def _unshaken() -> list[str]:
    """Claims that no case has to find an attack on."""
    every = [case for _, cases in GROUPS for case in cases]
    shaken = {name for case in every for name in case.fails}
    return sorted({name for case in every for name in case.claims} - shaken)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="also the cases that take minutes")
    parser.add_argument("--traces", action="store_true", help="how each attack goes")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds the text")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    return parser.parse_args()


def _tell(case: Case, outcome: Outcome, is_traced: bool) -> None:
    faults = case.faults(outcome)
    for name in case.fails or case.claims:
        attack = outcome.attacks.get(name)
        verdict = "attack found" if attack else "not decided" if outcome.is_bounded else "holds"
        figures = f"{outcome.states:>8} states {outcome.seconds:6.1f} s"
        print(f"  {verdict:<13}{name:<30}{case.name:<58}{figures}", flush=True)
        if attack and (is_traced or faults):
            print("\n".join(f"      {line}" for line in [attack[0], *attack[1]]))
    for fault in faults:
        print(f"  WRONG        {fault}")


if __name__ == "__main__":
    sys.exit(main())
