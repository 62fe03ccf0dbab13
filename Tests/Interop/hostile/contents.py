"""Authentic records whose contents are wrong, at the edges of every field; and compressed messages that lie."""

import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

from checks.nodes import RealNode
from checks.report import Report, expect
from gatepeer import socks5
from gatepeer.identity import Identity
from gatepeer.messages import (
    CLOSE_VIOLATION, MESSAGE_BYTES_MAX, CircuitCredit, CircuitDestroy, Extenders, MessagePart,
    MessageStart, Pong, Receipt, StreamAcknowledged, StreamCredit, StreamData, StreamDone, StreamFinish, StreamOpen,
    StreamReset, StreamResume, encode,
)
from gatepeer.session import Ended, dial

from .watch import attack

UNKNOWN, SOCKS5 = bytes(range(16)), socks5.EXTENDER
U32, U64 = (1 << 32) - 1, (1 << 64) - 1
MIB4 = 4 << 20
STAYS = None
COMPRESSED, WANTED = 4, 1


def opened(**fields) -> StreamOpen:
    return StreamOpen(**{**dict(alias=1, replica=7, counter=1, extender=SOCKS5, priority=2, credit=1 << 16), **fields})


def resumed(**fields) -> StreamResume:
    standard = dict(
        alias=1, replica=7, counter=1, extender=SOCKS5, priority=2, flags=0, received=0, acknowledged=0, limit=0)
    return StreamResume(**{**standard, **fields})


def start(**fields) -> MessageStart:
    return MessageStart(**{**dict(part=1, extender=UNKNOWN, id=1, flags=WANTED, total=1, bytes=b"x"), **fields})


RESUMES = {
    "all numbers at their most": dict(received=U64, acknowledged=U64, limit=U64),
    "a limit at its most": dict(limit=U64), "a limit just below the overflow": dict(
        received=U64, acknowledged=U64 - MIB4 + 1, limit=U64),
    "received at its most": dict(received=U64), "acknowledged at its most": dict(acknowledged=U64),
    "more acknowledged than received": dict(received=1, acknowledged=2, limit=3),
    "a limit 4 MiB and a byte ahead": dict(limit=MIB4 + 1),
    "flag 16": dict(flags=16), "flag 128": dict(flags=128), "done without a finish": dict(flags=4),
    "done with bytes not consumed": dict(flags=6, received=5), "nothing heard, but bytes received": dict(
        flags=8, received=1),
    "an even alias": dict(alias=2), "alias 0": dict(alias=0), "priority 0": dict(priority=0),
    "priority 3": dict(priority=3),
}
VIOLATIONS: dict[str, list] = {
    f"a stream that goes on with {name}": [resumed(**fields)] for name, fields in RESUMES.items()}
VIOLATIONS |= {
    "alias 0": [opened(alias=0)], "an alias below the newest": [opened(alias=U32), opened(counter=2)],
    "a second finish": [opened(), StreamFinish(1), StreamFinish(1)], "a reset of no stream": [StreamReset(1, 1)],
    "an acknowledgement of no stream": [StreamAcknowledged(1, 1)], "a done of no stream": [StreamDone(1)],
    "credit of no stream": [StreamCredit(U32, 1)],
    "a message of 2^32 bytes": [start(total=U32)], "an empty start of a message": [start(total=5, bytes=b"")],
    "a part number in use": [start(total=5), start(id=2, total=5)], "message flag 8": [start(flags=8)],
    "message flag 128": [start(flags=128)], "a start longer than its message": [start(bytes=b"xx")],
    "257 extenders": [Extenders((UNKNOWN,) * 257)], "no credit for a circuit": [CircuitCredit(1, 0)],
}
NO_TYPES = (*range(23, 32), *range(33, 40), 64, 128, 255)
RAW = {f"message type {number}": bytes([number]) + bytes(64) for number in NO_TYPES}
RAW |= {
    "no cells": b"\x0e\0", "32 cells": b"\x0e\x20" + bytes(32 * 1984), "65,535 extenders, cut off": b"\4\xff\xff",
    "a key request of 1,569 bytes": b"\x14" + bytes(4 + 32) + b"\x06\x21" + bytes(1569),
    "stream data of 65,535 bytes, cut off": b"\x09\0\0\0\1\xff\xff" + bytes(60_000),
    "a type without its body": b"\x05", "half a length": b"\x06\0\0\0\1\0",
}
HARMLESS = {
    "a receipt of no message": [Receipt(U64, 255)], "a pong that nobody asked for": [Pong(U64)],
    "credit of no circuit": [CircuitCredit(U32, U32)], "an end of no circuit": [CircuitDestroy(U32, 255)],
    "credit at its most": [opened(credit=U64), StreamCredit(1, U64), StreamCredit(1, 0)],
    "a stream that ended, named again": [opened(), StreamReset(1, 1), StreamData(1, b"x"), StreamAcknowledged(1, U64)],
    "acknowledged beyond what was sent": [opened(), StreamAcknowledged(1, U64)],
    "alias at its most": [opened(alias=U32)], "ids of messages that sink and repeat": [
        start(id=U64), start(id=3), start(id=3), start(id=0)],
}


def deflated(data: bytes, level: int = 9, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    return compressor.compress(data) + compressor.flush()


def claimed(byte_count: int, stream: bytes) -> bytes:
    return struct.pack(">I", byte_count) + stream


TEXT = os.urandom(2000)
SOUND = {
    "stored": claimed(2000, deflated(TEXT, 0)), "with codes of its own": claimed(2000, deflated(TEXT[:1000] * 2)),
    "with fixed codes": claimed(2000, deflated(TEXT[:1000] * 2, strategy=zlib.Z_FIXED)),
    "30 times its bytes": claimed(100_000, deflated(os.urandom(3300) + bytes(96_700))),
    "in 300 blocks": claimed(2000, b"".join(b"\0\0\0\xff\xff" for _ in range(300)) + deflated(TEXT)),
}
LYING = {
    "1 MiB of zeros": claimed(MESSAGE_BYTES_MAX, deflated(bytes(MESSAGE_BYTES_MAX))),
    "1 MiB of zeros said to be little": claimed(2000, deflated(bytes(MESSAGE_BYTES_MAX))),
    "1 MiB of zeros that says nothing": claimed(0, deflated(bytes(MESSAGE_BYTES_MAX))),
    "33 times its bytes": claimed(99_000, deflated(TEXT + bytes(97_000))),
    "a byte more than it says": claimed(1999, deflated(TEXT)), "a byte less": claimed(2001, deflated(TEXT)),
    "a byte behind it": claimed(2000, deflated(TEXT) + b"\0"), "a second stream behind it": claimed(
        2000, deflated(TEXT) + deflated(TEXT)),
    "cut off": claimed(2000, deflated(TEXT)[:-1]), "nothing": b"", "three bytes": b"\0\0\1",
    "a length alone": b"\0\0\0\5",
    "an empty one": claimed(0, deflated(b"")), "2^32 bytes": claimed(U32, deflated(TEXT)),
    "more than a message may have": claimed(MESSAGE_BYTES_MAX + 1, deflated(os.urandom(50_000))),
    "zlib's head": claimed(2000, zlib.compress(TEXT)), "gzip's head": claimed(2000, zlib.compress(TEXT, wbits=31)),
    "a block of type 3": claimed(100, b"\7" + bytes(20)), "random bytes": claimed(2000, b"\7" + os.urandom(1500)),
    "a distance before its begin": claimed(3, bytes.fromhex("030200")),
    "blocks without an end": claimed(2000, b"\0\0\0\xff\xff" * 4000),
}


def compressed(data: bytes, extender: bytes = SOCKS5) -> bytes:
    first, rest = data[:60_000], data[60_000:]
    sent = [MessageStart(1, extender, 1, COMPRESSED | WANTED, len(data), first)]
    return several(sent + [MessagePart(1, rest[at : at + 60_000]) for at in range(0, len(rest), 60_000)])


def several(sent: list) -> bytes:
    return b"".join(map(encode, sent))


def ending(node: RealNode, plaintext: bytes, versions: tuple[int, int] = (1, 2)) -> int | None:
    """The reason with which a session ends that says this; none where it stays."""
    session = dial(node.address, node.uuid, Identity(), versions=versions)
    session.ping()
    session.connection.sendall(session.sealing.seal(plaintext, padding=0))
    try:
        session.ping()
    except Ended as ended:
        expect(ended.reason is not None, "closed without a word")
        return ended.reason
    session.close()
    return STAYS


def check(report: Report, node: RealNode) -> None:
    node.set("reputation.enabled", "false")
    violations = RAW | {name: several(sent) for name, sent in VIOLATIONS.items()}
    violations |= {f"compressed: {name}": compressed(data) for name, data in LYING.items()}
    harmless = {name: several(sent) for name, sent in HARMLESS.items()}
    harmless |= {f"compressed, {name}": compressed(data) for name, data in SOUND.items()}
    # Nobody looks into what no extender takes.
    harmless |= {f"compressed for nobody: {name}": compressed(data, UNKNOWN) for name, data in LYING.items()}
    expected = {"closed as protocol violation": (violations, CLOSE_VIOLATION), "the session stays": (harmless, STAYS)}
    with attack(report, node, "contents that may not be"), ThreadPoolExecutor(16) as pool:
        for words, (contents, reason) in expected.items():
            for name, plaintext in contents.items():
                pool.submit(check_one, report, node, f"{name}: {words}", plaintext, reason)
        name = "a compressed message in a session of version 1: closed as protocol violation"
        pool.submit(check_one, report, node, name, compressed(SOUND["stored"]), CLOSE_VIOLATION, (1, 1))


def check_one(report: Report, node: RealNode, name: str, plaintext: bytes, reason, versions=(1, 2)) -> None:
    with report.check(name):
        found = ending(node, plaintext, versions)
        expect(found == reason, f"reason {found}")
