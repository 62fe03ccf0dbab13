"""Has two nodes make sessions with each other, and records them."""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import plaintext, web
from .capture import FIRST_WORD, Connection
from .nodes import RealNode
from .plaintext import Pattern
from .tap import Tap

# One of so many sessions begins afresh, one of so many carries a long download.
FRESH_EVERY = 5
FRESH_EVERY_HANDSHAKE = 500
BULK_EVERY = 20
SESSION_SECONDS = 5.0
# A session in which so long nothing passes has brought its streams to their ends.
QUIET_SECONDS = 0.02
# What is settled between settings that were set and nodes that follow.
SETTLING_SECONDS = 1.0


@dataclass(frozen=True)
class Recording:
    connections: list[Connection]
    patterns: list[Pattern]
    seconds: float


def record(programs: Path, below: Path, level: int, count: int, is_handshakes_only: bool) -> Recording:
    """`count` sessions, each with a request and its answer, or nothing behind the first words of both sides."""
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
        introduce(dialler, responder, tap, level)
        patterns = patterns_of(dialler, responder, server.server_address[1])
        began = time.monotonic()
        driver = SessionDriver(dialler, responder, tap, server.server_address[1])
        for number in range(count):
            driver.run(number, is_handshakes_only)
        seconds = time.monotonic() - began
        return Recording(tap.connections[:], patterns, seconds)


def introduce(dialler: RealNode, responder: RealNode, tap: Tap, level: int) -> None:
    for node in (dialler, responder):
        node.at("settings", "set", "security.level", str(level))
    for key, value in (("socks5.exit", "all"), ("socks5.exit-allow-private", "true")):
        responder.at("settings", "set", key, value)
    dialler.at("settings", "set", "socks5.exit-nodes", str(responder.uuid))
    dialler.at("peers", "add", f"{responder.uuid}@{tap.host_port}")
    responder.at("peers", "add", f"{dialler.uuid}@{dialler.host_port}")
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

    def __init__(self, dialler: RealNode, responder: RealNode, tap: Tap, web_port: int):
        self.dialler, self.responder, self.tap, self.web_port = dialler, responder, tap, web_port

    def run(self, number: int, is_handshake_only: bool) -> None:
        fresh_every = FRESH_EVERY_HANDSHAKE if is_handshake_only else FRESH_EVERY
        if number and number % fresh_every == 0:
            self._end(number - 1)
        # A session that was cut is dialled again by itself; any other once somebody asks for it.
        if not self.stands(number) or not is_handshake_only:
            web.ask(self.dialler.socks, self.web_port, is_bulk=number % BULK_EVERY == BULK_EVERY - 1)
        if not self.stands(number):
            raise RuntimeError(f"session {number} did not stand after {SESSION_SECONDS} s")
        if not is_handshake_only:
            self.tap.wait_for_quiet(number, QUIET_SECONDS)
        if (number + 1) % fresh_every:
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
