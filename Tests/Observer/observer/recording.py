"""Has two nodes make sessions with each other, and records them."""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import plaintext, web
from .capture import FIRST_WORD, Connection
from .nodes import RealNode
from .packets import WriteCapture
from .plaintext import Pattern
from .tap import Tap

# One of so many sessions begins afresh, one of so many carries a long download.
FRESH_EVERY = 5
FRESH_EVERY_HANDSHAKE = 500
BULK_EVERY = 20
BULK_BYTES = 1 << 20
# Where packets are looked at: enough for many large writes.
PACKETS_BULK_BYTES = 16 << 20
SESSION_SECONDS = 5.0
# A session in which so long nothing passes has brought its streams to their ends.
QUIET_SECONDS = 0.02
# A session that so short a time nothing passes in has been taken up by both sides: cut earlier, it counts as an attempt that
# failed, and the dialler waits longer and longer before the next.
SETTLED_SECONDS = 0.05
# What is settled between settings that were set and nodes that follow.
SETTLING_SECONDS = 1.0
EXIT_SECONDS = 15.0


@dataclass(frozen=True)
class Plan:
    """What is to be recorded."""

    level: int
    sessions: int
    # Each session is cut behind the first words of both sides; otherwise it carries a request and its answer.
    is_handshakes_only: bool
    # Whether packets are looked at, too, as only root may.
    sees_packets: bool


@dataclass(frozen=True)
class Recording:
    connections: list[Connection]
    patterns: list[Pattern]
    seconds: float
    # Lengths of the responder's writes, where packets were looked at.
    writes: list[int] | None


def record(programs: Path, below: Path, plan: Plan) -> Recording:
    with ExitStack() as running:
        def start(name: str) -> RealNode:
            node = RealNode(name, below, programs)
            running.callback(node.stop)
            return node

        dialler, responder = start("observed-dialler"), start("observed-responder")
        for node in (dialler, responder):
            node.wait_ready()
        tap = Tap(("127.0.0.1", responder.base))
        running.callback(tap.stop)
        server = web.start()
        running.callback(server.shutdown)
        introduce(dialler, responder, tap, plan.level)
        patterns = patterns_of(dialler, responder, server.server_address[1])
        wait_for_exit(dialler, server.server_address[1])
        packets = None
        if plan.sees_packets:
            packets = WriteCapture(responder.base)
            running.callback(packets.stop)
        began = time.monotonic()
        driver = SessionDriver(dialler, responder, tap, server.server_address[1], plan)
        # The session that the exit was waited for with is the first.
        first = len(tap.connections) - 1
        for number in range(first, first + plan.sessions):
            driver.run(number)
        connections = tap.connections[first : first + plan.sessions]
        return Recording(connections, patterns, time.monotonic() - began, packets.lengths[:] if packets else None)


def introduce(dialler: RealNode, responder: RealNode, tap: Tap, level: int) -> None:
    for node in (dialler, responder):
        node.at("settings", "set", "security.level", str(level))
    for key, value in (("socks5.exit", "all"), ("socks5.exit-allow-private", "true")):
        responder.at("settings", "set", key, value)
    dialler.at("settings", "set", "socks5.exit-nodes", str(responder.uuid))
    dialler.at("peers", "add", f"{responder.uuid}@{tap.host_port}")
    responder.at("peers", "add", f"{dialler.uuid}@{dialler.host_port}")
    time.sleep(SETTLING_SECONDS)


def wait_for_exit(dialler: RealNode, web_port: int) -> None:
    """Until requests get through: all programs of both nodes follow the settings then."""
    deadline = time.monotonic() + EXIT_SECONDS
    while True:
        try:
            return web.ask(dialler.socks, web_port, bulk_bytes=0)
        except (RuntimeError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(SETTLING_SECONDS)


def patterns_of(dialler: RealNode, responder: RealNode, web_port: int) -> list[Pattern]:
    found = [
        Pattern("what is said", web.MARKER), Pattern("HTTP", b"HTTP/1.1"), Pattern("HTTP header", b"Content-Length"),
        Pattern("target", b"127.0.0.1:%d" % web_port), Pattern("program", b"quantumgate"),
        Pattern("extender", b"gate-socks5"), Pattern("SOCKS", b"socks5"), Pattern("Noise", b"Noise_XX"),
        Pattern("name of the dialler", dialler.name.encode()),
        Pattern("name of the responder", responder.name.encode()),
    ]
    for node, name in ((dialler, "dialler"), (responder, "responder")):
        found += plaintext.patterns_of_uuid(name, node.uuid)
        found.append(Pattern(f"identity key of the {name}", node.public_key(), is_text=False))
    return found


class SessionDriver:
    """Makes one session after the other."""

    def __init__(self, dialler: RealNode, responder: RealNode, tap: Tap, web_port: int, plan: Plan):
        self.dialler, self.responder, self.tap, self.web_port = dialler, responder, tap, web_port
        self.is_handshakes_only = plan.is_handshakes_only
        self.fresh_every = FRESH_EVERY_HANDSHAKE if plan.is_handshakes_only else FRESH_EVERY
        # Whether the session that stands is ended for good before the next.
        self.is_to_end = False
        self.bulk_bytes = PACKETS_BULK_BYTES if plan.sees_packets else BULK_BYTES

    def run(self, number: int) -> None:
        if self.is_to_end:
            self._end(number - 1)
        # A session that was cut is dialled again by itself; any other once somebody asks for it.
        if not self.stands(number) or not self.is_handshakes_only:
            is_bulk = number % BULK_EVERY == BULK_EVERY - 1
            web.ask(self.dialler.socks, self.web_port, self.bulk_bytes if is_bulk else 0)
        if not self.stands(number):
            raise RuntimeError(f"session {number} did not stand after {SESSION_SECONDS} s")
        self.tap.wait_for_quiet(number, SETTLED_SECONDS if self.is_handshakes_only else QUIET_SECONDS)
        self.is_to_end = (number + 1) % self.fresh_every == 0
        if not self.is_to_end:
            self.tap.cut(number)

    def stands(self, number: int) -> bool:
        is_expected = self.tap.next_kind == "resumed" or len(self.tap.connections) > number
        return is_expected and self.tap.wait_for_turns(number, FIRST_WORD + 1, SESSION_SECONDS)

    def _end(self, number: int) -> None:
        """Ends a session for good, as access control does, and lets the node come again."""
        self.dialler.at("peers", "deny", str(self.responder.uuid))
        if not self.tap.wait_for_end(number, SESSION_SECONDS):
            raise RuntimeError(f"session {number} did not end after {SESSION_SECONDS} s")
        self.dialler.at("peers", "allow", str(self.responder.uuid))
