"""Starts a real node on loopback, attacks it, stops it. `GATE_PROGRAMS` names the folder of the built programs."""

import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from checks.__main__ import remove, stop
from checks.nodes import RealNode
from checks.report import Report

from . import contents, crowd, dialled, flights, floods, puzzles, records, resuming, strangers, unfolding, unread, updates

SECONDS_MAX = 480


def main() -> int:
    programs = Path(os.environ.get("GATE_PROGRAMS", "")).absolute()
    if not (programs / "quantumgate").is_file():
        sys.exit("GATE_PROGRAMS has to name the folder of the built programs")
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, stop)
    signal.alarm(SECONDS_MAX)
    report = Report()
    folder = Path(tempfile.mkdtemp(prefix="gate-hostile-"))
    with ExitStack() as running:
        running.callback(remove, folder, report)
        node = RealNode("attacked", folder, programs)
        running.callback(node.stop)
        node.wait_ready()
        for key, value in SETTINGS.items():
            node.set(key, value)
        for name in sys.argv[1:] or PARTS:
            PARTS[name](report, node)
    return report.close()


SETTINGS = {
    "access.default": "allow", "access.anonymous": "true", "socks5.exit": "all", "socks5.exit-allow-private": "true",
    # The part about puzzles sets it; elsewhere one would come into the way of what is to be attacked.
    "handshake.puzzle-threshold": "0",
}
PARTS = {
    "strangers": strangers.check, "flights": flights.check, "dialled": dialled.check, "records": records.check,
    "contents": contents.check, "updates": updates.check, "resuming": resuming.check, "floods": floods.check,
    "puzzles": puzzles.check, "unread": unread.check, "crowd": crowd.check,
    "unfolding": unfolding.check,
}


if __name__ == "__main__":
    sys.exit(main())
