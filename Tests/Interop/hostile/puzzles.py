"""Openings that are given up once they are answered: what they cost the node, and who does it from then on."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks.nodes import RealNode
from checks.puzzles import EFFORT, EFFORT_MIN, abandon, challenged, expect_closed, puzzles, wrong
from checks.report import Report, eventually, expect
from gatepeer.identity import Identity
from gatepeer.session import dial

from .watch import FAILED, KERNEL, UNFINISHED, attack, program, serve_honest

HANDSHAKE, WINDOWS_SECONDS = "6s", 18
THRESHOLD, ABANDONED, SOLVED, AT_ONCE = 16, 128, 32, 16
# As long as a gauge may be old, and how often it is looked at.
SETTLING_SECONDS, SETTLING_MAX = 1.5, 20
# From then on, so that what was given up stays above it while a window passes.
LOWER_THRESHOLD = 4


def check(report: Report, node: RealNode) -> None:
    node.set("handshake.timeout", HANDSHAKE)
    node.set("handshake.puzzle-threshold", str(THRESHOLD))
    with attack(report, node, "openings that are given up"):
        with report.check("honest handshakes, twice as many as the threshold, bring no puzzle"):
            for _ in range(2 * THRESHOLD):
                serve_honest(node)
            expect(puzzles(node, "asked") == 0, "a puzzle")
        check_abandoned(report, node)
        check_wrong(report, node)
    with report.check("in two times of a handshake the effort is back at zero, and nobody is asked"):
        expect(eventually(lambda: node.metric(EFFORT) == 0, WINDOWS_SECONDS), "an effort")
        session = dial(node.address, node.uuid, Identity())
        expect(not session.established.took_retry, "no retry")
        session.close()
    node.set("handshake.puzzle-threshold", "0")
    node.set("handshake.timeout", "10s")


def check_abandoned(report: Report, node: RealNode) -> None:
    with report.check(f"{ABANDONED} openings that are given up: most get a puzzle and no answer"):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda _: abandon(node, None, 1), range(ABANDONED)))
        expect(eventually(lambda: puzzles(node, "asked") >= ABANDONED - THRESHOLD - AT_ONCE), "puzzles")
        expect(eventually(lambda: node.metric(EFFORT) >= EFFORT_MIN), "an effort")
    node.set("handshake.puzzle-threshold", str(LOWER_THRESHOLD))
    with report.check("honest peers solve one and are served meanwhile"):
        accepted = puzzles(node, "accepted")
        for _ in range(4):
            serve_honest(node)
        expect(eventually(lambda: puzzles(node, "accepted") >= accepted + 4), "solutions")
    with report.check(f"{SOLVED} openings that are given up behind a solution are answered"):
        worker, counted, hashing = program(node, KERNEL), puzzles(node, "asked"), time.process_time()
        before = processor_seconds(worker)
        for _ in range(SOLVED):
            solve_and_leave(node)
        each = 1000 / SOLVED
        print(f"    {(processor_seconds(worker) - before) * each:.2f} ms of the worker's processor for each,"
              f" {(time.process_time() - hashing) * each:.1f} ms of this program's")
        expect(eventually(lambda: puzzles(node, "asked") >= counted + SOLVED), "puzzles")


def solve_and_leave(node: RealNode) -> None:
    with challenged(node, None) as (connection, side, choices, message, _):
        connection.sendall(side.read_retry(choices, message, lambda puzzle: puzzle.solve()))
        expect(len(connection.recv(1)) == 1, "an answer")


def settled(node: RealNode) -> float:
    """Failed handshakes, once nothing is under way that would be one: that is told once a second."""
    for _ in range(SETTLING_MAX):
        failed = node.metric(FAILED)
        time.sleep(SETTLING_SECONDS)
        if node.metric(FAILED) == failed and node.metric(UNFINISHED) == 0:
            return failed
    raise AssertionError("handshakes under way")


def processor_seconds(process: int) -> float:
    """Time that all threads of the process have used."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def check_wrong(report: Report, node: RealNode) -> None:
    abandon(node, None, 2 * THRESHOLD)
    with report.check("64 wrong solutions are closed without a word, each one failed handshake"):
        counted, failed = puzzles(node, "wrong"), settled(node)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            failed += 64 + sum(pool.map(lambda _: expect_closed(node, None, wrong), range(64)))
        expect(eventually(lambda: puzzles(node, "wrong") == counted + 64), f"{puzzles(node, 'wrong') - counted}")
        expect(eventually(lambda: node.metric(FAILED) == failed), f"{node.metric(FAILED) - failed} more")
