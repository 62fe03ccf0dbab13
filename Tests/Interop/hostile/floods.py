"""Too much of what is allowed one by one: a peer that floods is held or closed, and nobody else notices."""

import os
import socket
import struct
import threading
import time
import zlib

from checks.nodes import RealNode
from checks.report import Report, eventually, expect
from gatepeer import socks5
from gatepeer.identity import Identity
from gatepeer.messages import (
    CLOSE_LIMIT, MESSAGE_BYTES_MAX, Extenders, MessagePart, MessageStart, Ping, StreamCredit, StreamData, StreamOpen,
    StreamReset, encode,
)
from gatepeer.session import Ended, Session, dial

from .watch import KERNEL, attack, memory, program

UNKNOWN, SOCKS5 = bytes(range(16)), socks5.EXTENDER
FLOOD_SECONDS = 1.0
HONEST_SECONDS = 1.0
MIB = 1 << 20
COMPRESSED = 4


def folded(byte_count: int) -> bytes:
    """A payload that hardly folds in one thirtieth of it, and to nothing in the rest; compressed."""
    payload = os.urandom(byte_count // 31)
    payload += bytes(byte_count - len(payload))
    compressor = zlib.compressobj(wbits=-15)
    return struct.pack(">I", byte_count) + compressor.compress(payload) + compressor.flush()


FOLDED = folded(MIB - 2048)


def check(report: Report, node: RealNode) -> None:
    node.set("reputation.enabled", "false")
    lists = [encode(Extenders(tuple(os.urandom(16) for _ in range(256)))) for _ in range(2)]
    floods = {
        "empty records": lambda number: b"",
        "pings, each in a record": lambda number: encode(Ping(number)),
        "pings, thousands in a record": lambda number: encode(Ping(number)) * 7000,
        "lists of extenders": lambda number: b"".join(lists) * 7,
        "messages of no byte": lambda number: encode(MessageStart(1, UNKNOWN, number, 0, 0, b"")) * 1500,
        "parts of one byte": parts,
        "streams opened and reset": opened_and_reset,
        "noise": lambda number: b"\0" + bytes(65_000),
        "messages that unfold to 30 times": lambda number: unfolding(number, SOCKS5),
        "the same for nobody": lambda number: unfolding(number, UNKNOWN),
    }
    for name, plaintext in floods.items():
        with attack(report, node, f"a flood of {name}", 40):
            with report.check(f"a flood of {name}: others are served meanwhile"):
                expect_others_served(node, plaintext)
    with attack(report, node, "answers that nobody reads"):
        with report.check("a peer that asks for receipts and never reads is closed, and costs little"):
            expect_bounded_answers(node, lambda number: encode(MessageStart(1, UNKNOWN, number, 1, 0, b"")) * 1500)
    with attack(report, node, "messages that never end"):
        with report.check("messages under way have 4 MiB at most: closed as limit exceeded"):
            expect_unfinished_bounded(node)
    with attack(report, node, "connections that say nothing"):
        with report.check("200 connections that say nothing, or the begin of an opening: others are served"):
            expect_silent_ones_harmless(node)


def standing(node: RealNode) -> Session:
    session = dial(node.address, node.uuid, Identity())
    session.ping()
    return session


def parts(number: int) -> bytes:
    """A message in 1,500 parts, each of a byte."""
    return encode(MessageStart(1, UNKNOWN, number, 0, 1501, b"x")) + encode(MessagePart(1, b"x")) * 1500


def unfolding(number: int, extender: bytes) -> bytes:
    """A record of a compressed message that unfolds to a megabyte."""
    return encode(MessageStart(1, extender, number, COMPRESSED, len(FOLDED), FOLDED))


def opened_and_reset(number: int) -> bytes:
    aliases = range(1 + 1600 * number, 1 + 1600 * (number + 1), 2)
    return b"".join(
        encode(StreamOpen(alias, 7, alias, SOCKS5, 2, 1)) + encode(StreamReset(alias, 1)) for alias in aliases)


def expect_others_served(node: RealNode, plaintext) -> None:
    session, numbers = standing(node), iter(range(1 << 30))
    session.connection.settimeout(5)
    drain = threading.Thread(target=read_on, args=(session.connection,), daemon=True)
    drain.start()
    deadline = time.monotonic() + FLOOD_SECONDS
    slowest: list[float] = []
    honest = threading.Thread(target=lambda: slowest.append(slowest_dial(node, deadline)), daemon=True)
    honest.start()
    try:
        while time.monotonic() < deadline:
            session.connection.sendall(session.sealing.seal(plaintext(next(numbers)), padding=0))
    except OSError:
        pass
    honest.join()
    session.connection.close()
    expect(bool(slowest) and slowest[0] < HONEST_SECONDS, f"an honest dial and ping took {slowest} s")


def read_on(connection: socket.socket) -> None:
    try:
        while connection.recv(1 << 16):
            continue
    except OSError:
        pass


def slowest_dial(node: RealNode, deadline: float) -> float:
    slowest = 0.0
    while time.monotonic() < deadline:
        begin = time.monotonic()
        standing(node).close()
        slowest = max(slowest, time.monotonic() - begin)
        time.sleep(0.05)
    return slowest


def expect_bounded_answers(node: RealNode, plaintext) -> None:
    session, process = standing(node), program(node, KERNEL)
    before, most = memory(process), 0
    session.connection.settimeout(5)
    is_closed = False
    try:
        for number in range(1, 1000):
            session.connection.sendall(session.sealing.seal(plaintext(number), padding=0))
            most = max(most, memory(process) - before)
    except (ConnectionResetError, BrokenPipeError):
        is_closed = True
    expect(is_closed, "took everything")
    expect(most < 16 * MIB, f"{most >> 20} MiB more")


def expect_unfinished_bounded(node: RealNode) -> None:
    session = standing(node)
    for part in range(4):
        session.send(MessageStart(part, UNKNOWN, part + 1, 0, MESSAGE_BYTES_MAX, bytes(60_000)))
        for _ in range(16):
            session.send(MessagePart(part, bytes(60_000)))
    session.ping()
    session.send(MessageStart(4, UNKNOWN, 5, 0, MESSAGE_BYTES_MAX, b"x"))
    try:
        session.ping()
        raise AssertionError("stays")
    except Ended as ended:
        expect(ended.reason == CLOSE_LIMIT, f"reason {ended.reason}")


def expect_silent_ones_harmless(node: RealNode) -> None:
    connections = [socket.create_connection(node.address, timeout=5) for _ in range(200)]
    for index, connection in enumerate(connections):
        connection.sendall(os.urandom(index % 66))
    expect(eventually(lambda: node.metric("gate_handshakes") >= 200), "they wait")
    expect(slowest_dial(node, time.monotonic() + 1) < HONEST_SECONDS, "in time")
    for connection in connections:
        connection.close()
