"""Authentic records that break the protocol: the node says why it closes, and charges who did it."""

import socket
import time

from gatepeer import messages, socks5
from gatepeer.identity import Identity
from gatepeer.messages import (
    CertificateShown, MessagePart, MessageStart, Resumed, StreamCredit, StreamData, StreamDone,
    StreamFinish, StreamOpen, StreamReset, encode,
)
from gatepeer.session import Ended, dial

from .nodes import RealNode
from .report import Report, expect

UNKNOWN = bytes(range(16))


def opened(alias: int, counter: int = 1, priority: int = 2) -> bytes:
    return encode(StreamOpen(alias, 77, counter, socks5.EXTENDER, priority, 1 << 16))


def several(*sent) -> bytes:
    return b"".join(map(encode, sent))


FAULTS = {
    "a type that is not there": bytes([33]),
    "a message cut off": encode(messages.Ping(1))[:-1],
    "a compressed message that is none": several(MessageStart(1, socks5.EXTENDER, 1, 4, 1, b"x")),
    "a message longer than it said": several(MessageStart(1, UNKNOWN, 1, 1, 2, b"x"), MessagePart(1, b"xx")),
    "a part of no message": several(MessagePart(1, b"x")),
    "an empty part": several(MessageStart(1, UNKNOWN, 1, 1, 2, b"x"), MessagePart(1, b"")),
    "a message of more than 1 MiB": several(MessageStart(1, UNKNOWN, 1, 1, messages.MESSAGE_BYTES_MAX + 1, b"x")),
    "an even alias of the initiator": opened(2),
    "an alias used again": opened(1) + opened(1, 2),
    "an alias that sinks": opened(3) + opened(1, 2),
    "a priority that is not there": opened(1, priority=3),
    "data for a stream that never was": several(StreamData(1, b"x")),
    "empty data": opened(1) + several(StreamData(1, b"")),
    "credit for a stream that never was": several(StreamCredit(1, 1)),
    "finish of a stream that never was": several(StreamFinish(1)),
    "done before the other side's finish": opened(1) + several(StreamDone(1)),
    "data after the finish": opened(1) + several(StreamFinish(1), StreamData(1, b"x")),
    "resumed to a session that stands": several(Resumed(1, 1)),
    "a certificate that is none": several(CertificateShown(b"x")),
}


def check_faults(report: Report, node: RealNode) -> None:
    for name, plaintext in FAULTS.items():
        with report.check(f"{name}: closed as protocol violation"):
            expect_closed(node, plaintext, messages.CLOSE_VIOLATION)
    with report.check("a certificate of another node in a session: closed as protocol violation"):
        mine, now = Identity(), int(time.time())
        session = dial(node.address, node.uuid, mine, certificate=mine.certificate(now - 600, 3600))
        session.ping()
        session.send(CertificateShown(Identity().certificate(now, 7200).encoded))
        expect_close(session, messages.CLOSE_VIOLATION)
    with report.check("a certificate in a session of version 1: closed as protocol violation"):
        mine = Identity()
        session = dial(node.address, node.uuid, mine, versions=(1, 1))
        session.ping()
        session.send(CertificateShown(mine.certificate().encoded))
        expect_close(session, messages.CLOSE_VIOLATION)


def check_limits(report: Report, node: RealNode) -> None:
    with report.check("more messages in parts than are put together: closed as limit exceeded"):
        parts = [MessageStart(part, UNKNOWN, part + 1, 0, 2, b"x") for part in range(17)]
        expect_closed(node, several(*parts), messages.CLOSE_LIMIT)
    with report.check("more streams than are taken: those beyond are reset as overloaded, the session stays"):
        session = dial(node.address, node.uuid, Identity())
        session.ping()
        for index in range(1025):
            session.send_record(opened(1 + 2 * index, 1 + index))
        last = session.receive_until(lambda message: message.alias == 2049)
        expect(last == StreamReset(2049, 6), f"{last}")
        session.ping()
        session.close()
    with report.check("more bytes than a stream's credit: closed as limit exceeded"):
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            send_beyond_credit(node, deaf.getsockname()[1])


def send_beyond_credit(node: RealNode, port: int) -> None:
    """Writes on, whatever the credit, to a target that never reads."""
    session = dial(node.address, node.uuid, Identity())
    session.ping()
    session.send_record(opened(1))
    session.send(StreamData(1, socks5.request("127.0.0.1", port)))
    session.receive_until(lambda message: isinstance(message, StreamData))
    try:
        for _ in range(4096):
            session.send(StreamData(1, bytes(16_384)))
    except OSError:
        pass
    expect_close(session, messages.CLOSE_LIMIT)


def expect_closed(node: RealNode, plaintext: bytes, reason: int) -> None:
    session = dial(node.address, node.uuid, Identity())
    session.ping()
    session.connection.sendall(session.sealing.seal(plaintext, padding=0))
    expect_close(session, reason)


def expect_close(session, reason: int) -> None:
    try:
        while True:
            session.receive(patience=5)
    except Ended as ended:
        expect(ended.reason == reason, f"reason {ended.reason}")
