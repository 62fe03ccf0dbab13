"""Who is not understood: left without a word, in order, and at moments that tell nothing of what was sent."""

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from checks.mutations import Mutations
from checks.nodes import RealNode
from checks.report import Report, expect
from gatepeer.flights import minute_now
from gatepeer.handshake import Initiator
from gatepeer.identity import Identity

from .watch import attack

HANDSHAKE_SECONDS = 5
LATE_SECONDS = 0.4
OF_EACH = 20
# Of two samples of one distribution, 20 each, further apart once in some 10,000 times (Kolmogorov and Smirnov).
DISTANCE_MAX = 0.7


def check(report: Report, node: RealNode) -> None:
    node.set("handshake.timeout", f"{HANDSHAKE_SECONDS}s")
    mutations = Mutations(node, None)
    seen = mutations.initiator().write_opening()
    mutations.first(lambda _: seen)

    def opening(minutes: int = 0) -> bytes:
        return mutations.initiator().write_opening(minute_now() + minutes)

    kinds = {
        "nothing": lambda: b"", "a byte": lambda: os.urandom(1), "65 bytes of noise": lambda: os.urandom(65),
        "66 bytes of noise": lambda: os.urandom(66), "5,000 bytes of noise": lambda: os.urandom(5_000),
        "300,000 bytes of noise": lambda: os.urandom(300_000), "an opening that was seen": lambda: seen,
        "a stale opening": lambda: opening(-7), "half an opening": lambda: opening()[:700],
        "an opening with another last byte": lambda: opening()[:-1] + b"?",
        "an opening to another node": lambda: Initiator(Identity(), Identity().uuid).write_opening(),
    }
    with attack(report, node, "strangers"), ThreadPoolExecutor(len(kinds) * OF_EACH) as pool:
        flights = {name: [make() for _ in range(OF_EACH)] for name, make in kinds.items()}
        waiting = {name: [pool.submit(left_after, node, flight) for flight in each] for name, each in flights.items()}
        moments = {name: [each.result() for each in pending] for name, pending in waiting.items()}
        for name, found in moments.items():
            with report.check(f"who says {name} is left in order, in the handshake's time"):
                expect(all(each is not None for each in found), "an answer, or a reset")
                expect(min(found) > HANDSHAKE_SECONDS * 0.8 - 0.01, f"after {min(found):.2f} s")
                expect(max(found) < HANDSHAKE_SECONDS + LATE_SECONDS, f"after {max(found):.2f} s")
            with report.check(f"by when, who says {name} can't be told from who says nothing"):
                apart = distance(found, moments["nothing"])
                expect(apart < DISTANCE_MAX, f"{apart:.2f} apart")
    node.set("handshake.timeout", "10s")


def left_after(node: RealNode, flight: bytes) -> float | None:
    """Seconds until the node ends the connection in order; none where it does anything else."""
    with socket.create_connection(node.address, timeout=HANDSHAKE_SECONDS * 2) as connection:
        begin = time.monotonic()
        try:
            connection.sendall(flight)
            return time.monotonic() - begin if connection.recv(1) == b"" else None
        except OSError:
            return None


def distance(one: list[float], other: list[float]) -> float:
    """The most by which the shares of two samples differ that are below a value."""
    def share(sample: list[float], value: float) -> float:
        return sum(each <= value for each in sample) / len(sample)
    return max(abs(share(one, value) - share(other, value)) for value in one + other)
