"""Client puzzles in both roles: a real node under load asks Python, and a node that dials solves Python's."""

import socket
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

from gatepeer.flights import SharedSecret
from gatepeer.handshake import Initiator, is_retry, read_flight
from gatepeer.identity import Identity
from gatepeer.noise import ANONYMOUS, MUTUAL
from gatepeer.puzzles import EFFORT_MAX, SOLUTION_BYTES, Puzzle
from gatepeer.session import Ended, dial, read_exactly
from gatepeer.suites import Suite, Taken

from .answering import Asked, expect_session
from .nodes import RealNode
from .report import Report, eventually, expect

THRESHOLD = "8"
EFFORT_MIN = 14
# Until a node asks that a part has set a threshold of 16 at most.
OPENINGS_MAX = 64
PUZZLES, EFFORT = "gate_handshakes_puzzles_total", "gate_handshakes_puzzle_effort"


def puzzles(node: RealNode, result: str) -> int:
    return node.metric(PUZZLES, f'result="{result}"')


def abandon(node: RealNode, secret: SharedSecret | None, count: int) -> None:
    """Openings whose answers nobody follows."""
    for _ in range(count):
        with answered(node, secret):
            pass


@contextmanager
def answered(node: RealNode, secret: SharedSecret | None):
    """A connection whose opening got an answer or a retry: connection, initiator, choices and message of what came."""
    with socket.create_connection(node.address, timeout=10) as connection:
        side = Initiator(Identity(), node.uuid, secret)
        connection.sendall(side.write_opening())
        yield connection, side, *read_flight(side, lambda count: read_exactly(connection, count))


@contextmanager
def challenged(node: RealNode, secret: SharedSecret | None):
    """A connection whose opening got a puzzle, and how many before it got none, and were left.

    Where the load has just fallen an opening gets its answer, and raises it.
    """
    for left in range(OPENINGS_MAX):
        with answered(node, secret) as (connection, side, choices, message):
            if is_retry(choices) and message:
                yield connection, side, choices, message, left
                return
    raise AssertionError("no puzzle")


@contextmanager
def under_load(node: RealNode, secret: SharedSecret | None):
    """A node that asks for puzzles once openings are given up; at the end it does so no more."""
    node.set("handshake.puzzle-threshold", THRESHOLD)
    try:
        yield
    finally:
        node.set("handshake.puzzle-threshold", "0")


def check_dialling(report: Report, node: RealNode, secret: SharedSecret | None) -> None:
    word = "with" if secret else "without"
    with under_load(node, secret):
        for pattern, kind in ((MUTUAL, "mutual"), (ANONYMOUS, "anonymous")):
            with report.check(f"Python solves the puzzle of a node under load: {kind}, {word} shared secret"):
                asked, accepted = puzzles(node, "asked"), puzzles(node, "accepted")
                expect_puzzle(node, secret, pattern, Suite())
                expect(eventually(lambda: puzzles(node, "asked") > asked), "counted as asked")
                expect(eventually(lambda: puzzles(node, "accepted") > accepted), "counted as accepted")
        node.take(Suite(2, 2, 3))
        with report.check(f"another suite and a puzzle in one retry, {word} shared secret"):
            expect_puzzle(node, secret, MUTUAL, Suite(2, 2, 3))
        node.take()
        check_wrong_solutions(report, node, secret)
    with report.check(f"a node that is set to asks for no puzzle, {word} shared secret"):
        expect(eventually(lambda: not takes_retry(node, secret)), "no retry")


def takes_retry(node: RealNode, secret: SharedSecret | None) -> bool:
    session = dial(node.address, node.uuid, Identity(), secret)
    session.close()
    return session.established.took_retry


def expect_puzzle(node: RealNode, secret: SharedSecret | None, pattern: int, suite: Suite) -> None:
    abandon(node, secret, 2 * int(THRESHOLD))
    session = dial(node.address, node.uuid, Identity(), secret, pattern)
    expect(session.established.took_puzzle, "a puzzle")
    expect(session.established.secrets.suite == suite, session.established.secrets.suite.name)
    session.ping()
    session.close()


def check_wrong_solutions(report: Report, node: RealNode, secret: SharedSecret | None) -> None:
    other = Puzzle(EFFORT_MIN, bytes(32), node.uuid).solve()
    solutions = {
        "wrong": lambda puzzle: wrong(puzzle), "of another challenge": lambda puzzle: other, "missing": lambda _: b"",
        "of another node": lambda puzzle: replace(puzzle, node=uuid4()).solve(),
        "cut off": lambda puzzle: puzzle.solve()[:-1], "doubled": lambda puzzle: puzzle.solve() * 2,
        "of the other byte order": lambda puzzle: puzzle.solve()[::-1],
    }
    abandon(node, secret, 2 * int(THRESHOLD))
    word = "with" if secret else "without"
    for name, solve in solutions.items():
        with report.check(f"a solution that is {name} is closed without a word ({word} secret)"):
            expect_closed(node, secret, solve)
    with report.check("the node counted wrong solutions, and says so"):
        expect(eventually(lambda: puzzles(node, "wrong") >= 5), f"{puzzles(node, 'wrong')}")
        expect(eventually(lambda: "no solution of the puzzle" in node.refusals()), "a refusal in status")


def wrong(puzzle: Puzzle) -> bytes:
    numbers = (number.to_bytes(SOLUTION_BYTES, "big") for number in range(1 << 16))
    return next(solution for solution in numbers if not puzzle.is_solved_by(solution))


def expect_closed(node: RealNode, secret: SharedSecret | None, solve) -> int:
    """How many openings got no puzzle before."""
    with challenged(node, secret) as (connection, side, choices, message, left):
        connection.sendall(side.read_retry(choices, message, solve))
        try:
            expect(connection.recv(1) == b"", "a byte")
        except ConnectionResetError:
            pass
        return left


def check_answering(report: Report, node: RealNode, secret: SharedSecret | None) -> None:
    word = "with" if secret else "without"
    for effort, suite in ((1, Suite()), (12, Suite()), (EFFORT_MAX, Suite()), (12, Suite(2, 2, 3))):
        with report.check(f"a node solves {effort} bits and opens with {suite.name}, {word} shared secret"):
            solved = puzzles(node, "solved")
            taken = Taken() if suite == Suite() else Taken.only(suite)
            with Asked(node, secret, taken=taken, effort=effort) as asked:
                expect_session(asked, suite, took_retry=True)
            expect(eventually(lambda: puzzles(node, "solved") == solved + 1), "counted as solved")
    with report.check(f"a node solves nothing harder than {EFFORT_MAX} bits, and says so, {word} shared secret"):
        with Asked(node, secret, effort=EFFORT_MAX + 1) as asked:
            try:
                asked.peer.accept(patience=5)
                raise AssertionError("a session")
            except Ended:
                expect(asked.client.recv(2)[1] != 0, "the client is told")
            words = f"asks for a puzzle of {EFFORT_MAX + 1} bits"
            expect(eventually(lambda: words in node.refusals()), "a refusal in status")
            expect(eventually(lambda: puzzles(node, "too_hard") > 0), "counted as too hard")
