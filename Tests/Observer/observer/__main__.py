"""Records sessions between two real nodes and judges what shows. GATE_PROGRAMS: the folder of the built programs."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import lengths, packets, randomness, selftest, timing
from .capture import ANSWER, OPENING, TURN_NAMES, Connection
from .judging import judge
from .recording import Plan, Recording, record
from .report import Judgement

# Beside this, what each session may take.
SECONDS_MAX = 120
SECONDS_PER_SESSION = 2


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--sessions", type=int, default=100, help="how many (100)")
    parser.add_argument("--level", type=int, default=3, choices=range(1, 6), help="security.level of both nodes (3)")
    parser.add_argument("--handshakes", action="store_true", help="cut each session behind the first words")
    parser.add_argument(
        "--packets", action="store_true", help="longer downloads, and a look at the packets of loopback (Linux, root)")
    parser.add_argument("--self-test", action="store_true", help="only try the judgements on doctored captures")
    parser.add_argument("--json", action="store_true", help="judgements and figures as one object, nothing else")
    parser.add_argument(
        "--keep-flights", metavar="FOLDER", type=Path, help="write all openings and all answers there, end to end")
    return parser.parse_args()


def stop(number: int, _) -> None:
    sys.exit("taking too long" if number == signal.SIGALRM else "told to stop")


def say_line_by_line(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


def silence(*_) -> None:
    pass


def main() -> int:
    options = parse()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS_MAX + SECONDS_PER_SESSION * options.sessions)
    say = silence if options.json else say_line_by_line
    began = time.monotonic()
    faults = selftest.run()
    say(f"{'FAIL' if faults else 'ok  '}   self-test: {len(selftest.DOCTORED)} doctored captures are refused "
        f"[{time.monotonic() - began:.0f} s]", *(f"       {fault}" for fault in faults))
    if options.self_test or faults:
        return 1 if faults else 0
    recording = recorded(options)
    connections = recording.connections
    say(f"       {len(connections)} connections at level {options.level} in {recording.seconds:.0f} s")
    judgements = judge(connections, recording.patterns)
    if recording.writes is not None:
        judgements.append(packets.judge(recording.writes))
    figures = lengths.of_handshakes(connections)
    for line in [line for one in judgements for line in one.lines()]:
        say(line)
    for one in figures:
        say("", one.text(), *one.histogram())
    say("", *timing.lines(connections))
    keep_flights(options.keep_flights, connections, say)
    if options.json:
        print(json.dumps(summary(options, recording, judgements, figures)))
    return 0 if all(one.is_passed for one in judgements) else 1


def recorded(options: argparse.Namespace) -> Recording:
    programs = Path(os.environ.get("GATE_PROGRAMS", "")).absolute()
    if not (programs / "quantumgate").is_file():
        sys.exit("GATE_PROGRAMS has to name the folder of the built programs")
    folder = Path(tempfile.mkdtemp(prefix="gate-observer-"))
    try:
        recording = record(
            programs, folder, Plan(options.level, options.sessions, options.handshakes, options.packets))
    except (RuntimeError, OSError) as failure:
        sys.exit(f"{failure}; the nodes' folders and logs are in {folder}")
    except SystemExit:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return recording


def keep_flights(folder: Path | None, connections: list[Connection], say) -> None:
    """Writes what programs as `ent` and `dieharder` read, and what `ent` says of it, where it is installed."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for index in (OPENING, ANSWER):
        path = folder / f"{TURN_NAMES[index]}s.bin"
        path.write_bytes(randomness.flights(connections, index))
        if shutil.which("ent"):
            say("", f"ent {path.name}", subprocess.run(["ent", path], capture_output=True, text=True).stdout)


def summary(
    options: argparse.Namespace, recording: Recording, judgements: list[Judgement], figures: list[lengths.Lengths]
) -> dict:
    return {
        "sessions": options.sessions, "level": options.level, "connections": len(recording.connections),
        "seconds": round(recording.seconds, 1), "passed": all(one.is_passed for one in judgements),
        "judgements": [one.json() for one in judgements], "lengths": [one.text() for one in figures],
        "histograms": {one.name: one.histogram() for one in figures}, "timing": timing.lines(recording.connections),
    }


if __name__ == "__main__":
    sys.exit(main())
