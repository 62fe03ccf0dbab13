"""Python dials a real node."""

import itertools
import os
import time

from gatepeer import messages, socks5
from gatepeer.flights import SharedSecret
from gatepeer.handshake import NoCommonSuite
from gatepeer.identity import Certificate, Identity
from gatepeer.messages import CertificateShown, Extenders, MessagePart, MessageStart, Ping, Pong, Receipt, Resumed
from gatepeer.noise import ANONYMOUS, MUTUAL
from gatepeer.session import Ended, Session, dial
from gatepeer.streams import Streams, WasReset
from gatepeer.suites import ALL_SUITES, Suite, Taken

from .nodes import RealNode, socks_request
from .report import Report, eventually, expect

UNKNOWN = bytes(range(16))
BODY_BYTES = 3 << 20
# Within which workers follow a change of rules.
RULES_SECONDS = 1


def check_suites(report: Report, node: RealNode, secret: SharedSecret | None) -> None:
    word = "with" if secret else "without"
    for pattern, suite in itertools.product((MUTUAL, ANONYMOUS), ALL_SUITES):
        kind = "mutual" if pattern == MUTUAL else "anonymous"
        with report.check(f"dials a node: {kind}, {suite.name}, {word} shared secret"):
            session = dial(node.address, node.uuid, Identity(), secret, pattern, suite)
            session.ping()
            session.ping()
            expect(session.established.version == 2, "version 2")
            expect(session.extenders == (socks5.EXTENDER,), "the list of extenders came first")
            session.close()


def check_retry(report: Report, node: RealNode, secret: SharedSecret | None, suites: list[Suite]) -> None:
    """A node that takes other suites than it is dialled with."""
    word = "with" if secret else "without"
    for suite in suites:
        node.take(suite)
        other = Suite(3 - suite.kem_number, 3 - suite.cipher_number, suite.hash_number % 3 + 1)
        with report.check(f"a node that takes {suite.name} only says so in a retry, {word} shared secret"):
            for pattern in (MUTUAL, ANONYMOUS):
                session = dial(node.address, node.uuid, Identity(), secret, pattern, other)
                session.ping()
                expect(session.established.took_retry and session.established.secrets.suite == suite, "the suite")
                session.close()
            session = dial(node.address, node.uuid, Identity(), secret, suite=suite)
            session.ping()
            expect(not session.established.took_retry, "no retry")
            session.close()
        with report.check(f"without a suite in common with {suite.name} the dialler is told, {word} shared secret"):
            try:
                dial(node.address, node.uuid, Identity(), secret, taken=Taken.only(other))
                raise AssertionError("a session")
            except NoCommonSuite:
                expect(eventually(lambda: "no common suite" in node.refusals()), "a refusal in status")
    with report.check("of each class what was begun with stays, else the node's own order counts"):
        node.take(Suite(2, 2, 3), Suite(2, 1, 2))
        for begun, agreed in {(1, 1, 1): (2, 1, 3), (1, 2, 2): (2, 2, 2), (2, 1, 1): (2, 1, 3)}.items():
            session = dial(node.address, node.uuid, Identity(), secret, suite=Suite(*begun))
            expect(session.established.secrets.suite == Suite(*agreed), session.established.secrets.suite.name)
            session.close()
    node.take()


def check_access(report: Report, node: RealNode) -> None:
    """A node as `init` makes it: nobody may connect but who was added, with a certificate."""
    known, stranger = Identity(), Identity()
    node.add_peer(f"{known.uuid}@127.0.0.1:9")
    with report.check("a node that was added by its UUID is admitted"):
        time.sleep(RULES_SECONDS)
        session = dial(node.address, node.uuid, known)
        session.ping()
        session.close()
    with report.check("a stranger hears nothing after flight 3, and the node knows who it was"):
        expect_no_word(dial(node.address, node.uuid, stranger))
        expect(eventually(lambda: str(stranger.uuid) in node.refusals()), "a refusal in status")
    with report.check("an anonymous initiator gets no flight 2"):
        expect_refused(lambda: dial(node.address, node.uuid, Identity(), pattern=ANONYMOUS))


def expect_no_word(session: Session) -> None:
    """The connection closes, without a single record before."""
    try:
        session.ping()
    except Ended as ended:
        expect(ended.reason is None and session.opening.counter == 0, "closed without a record")
    else:
        raise AssertionError("session stands")


def expect_refused(dialling) -> None:
    try:
        dialling().close()
    except (Ended, TimeoutError):
        return
    raise AssertionError("flight 2 came")


def check_versions(report: Report, node: RealNode, newest: int, secret: SharedSecret | None) -> None:
    for offered, agreed in (((1, 1), 1), ((1, 2), newest), ((newest, 15), newest), ((newest + 1, 15), None)):
        with report.check(f"dials a node that speaks up to {newest} with versions {offered}: {agreed or 'refused'}"):
            try:
                session = dial(node.address, node.uuid, Identity(), secret, versions=offered)
                session.ping()
                expect(session.established.version == agreed, f"version {session.established.version}")
                session.close()
            except Ended:
                expect(agreed is None, "an answer")


def check_certificates(report: Report, node: RealNode) -> None:
    now = int(time.time())
    forged, other, broken = Identity(), Identity(), Identity()
    broken_bytes = bytearray(broken.certificate().encoded)
    broken_bytes[-1] ^= 1
    mine = Identity()
    cases: list[tuple[str, Identity, Certificate, bool]] = [
        ("that lasts as long as any may", mine, mine.certificate(now - 600, 87_000), True),
        ("with feature bits that nobody knows", mine, mine.certificate(features=0xFFFF_FFFE), True),
        ("that lasts too long", mine, mine.certificate(now - 600, 87_001), False),
        ("that ended a moment ago", mine, mine.certificate(now - 3600, 3600 - 500), True),
        ("that ended too long ago", mine, mine.certificate(now - 3600, 3600 - 700), False),
        ("that begins too late", mine, mine.certificate(now + 700, 3600), False),
        ("for another static key", forged, other.certificate(), False),
        ("with a broken signature", broken, Certificate(bytes(broken_bytes)), False),
    ]
    for name, identity, certificate, holds in cases:
        with report.check(f"a certificate {name} {'holds' if holds else 'is refused'}"):
            session = dial(node.address, node.uuid, identity, certificate=certificate)
            if holds:
                session.ping()
                session.close()
            else:
                expect_no_word(session)


def check_messages(report: Report, node: RealNode) -> None:
    session = dial(node.address, node.uuid, Identity())
    session.ping()
    wanted = messages.RECEIPT_WANTED
    with report.check("a message to an extender that is not there: receipt 'no such extender'"):
        session.send(MessageStart(1, UNKNOWN, 1, wanted, 3, b"abc"))
        expect(session.receive() == Receipt(1, messages.NO_SUCH_EXTENDER), "receipt")
    with report.check("two messages in parts, one between the other's"):
        session.send(MessageStart(1, UNKNOWN, 2, wanted, 6, b"abc"), MessageStart(2, UNKNOWN, 3, wanted, 4, b"zz"))
        session.send(MessagePart(2, b"yy"), MessagePart(1, b"def"))
        expect([session.receive().id, session.receive().id] == [3, 2], "receipts in order of completion")
    with report.check("the longest message there may be"):
        data = os.urandom(messages.MESSAGE_BYTES_MAX)
        parts = [data[at : at + 60_000] for at in range(0, len(data), 60_000)]
        session.send(MessageStart(1, UNKNOWN, 4, wanted, len(data), parts[0]))
        for part in parts[1:]:
            session.send(MessagePart(1, part))
        expect(session.receive() == Receipt(4, messages.NO_SUCH_EXTENDER), "receipt")
    with report.check("of several pings in one record the last is answered"):
        session.send(Ping(1), Ping(2), Ping(3))
        expect(session.receive() == Pong(3), "pong of the last")
        session.ping()
    with report.check("lists of extenders are taken, unchanged ones too"):
        session.send(Extenders((UNKNOWN,)), Extenders((UNKNOWN,)), Extenders(()))
        session.ping()
    with report.check("a fresh certificate is taken in version 2, an older one ignored"):
        mine, now = Identity(), int(time.time())
        renewing = dial(node.address, node.uuid, mine)
        renewing.ping()
        for certificate in (mine.certificate(now - 500), mine.certificate(now - 5000, 6000)):
            renewing.send(CertificateShown(certificate.encoded))
        renewing.ping()
        renewing.close()
    with report.check("records of the largest size pass"):
        session.send_record(messages.encode(Ping(9)).ljust(65_518, b"\0"))
        expect(session.receive() == Pong(9), "pong")
    session.close()


def check_stream(
    report: Report, node: RealNode, port: int, secret: SharedSecret | None, pattern: int, suite: Suite
) -> None:
    kind = "mutual" if pattern == MUTUAL else "anonymous"
    with report.check(f"a web server behind a real exit gives back 3 MiB: {kind}, {suite.name}"):
        session = dial(node.address, node.uuid, Identity(), secret, pattern, suite)
        exchange(Streams(session), port)
        session.ping()
        session.close()


def exchange(streams: Streams, port: int) -> None:
    """3 MiB there and back over a stream, by a web server behind the node's exit."""
    stream = streams.open(socks5.EXTENDER)
    body = os.urandom(BODY_BYTES)
    head = f"POST / HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    stream.write(socks5.request("127.0.0.1", port) + head + body)
    stream.finish()
    expect(stream.read(2) == socks5.answer(socks5.CONNECTED), "connected")
    answer = stream.read_all()
    expect(answer.endswith(b"\r\n\r\n" + body), "the same bytes")
    stream.done()
    stream.wait_done()
    expect(stream.acknowledged > 0, "acknowledged on the way")


def check_streams(report: Report, node: RealNode, free_port: int) -> None:
    session = dial(node.address, node.uuid, Identity())
    streams = Streams(session)
    with report.check("a stream to an extender that is not there is reset with code 3"):
        try:
            streams.open(UNKNOWN).read(1)
            raise AssertionError("bytes")
        except WasReset as reset:
            expect(reset.code == messages.RESET_NO_SUCH_EXTENDER, f"code {reset.code}")
    with report.check("a port where nobody listens: the exit answers 'connection refused' and finishes"):
        stream = streams.open(socks5.EXTENDER)
        stream.write(socks5.request("127.0.0.1", free_port))
        expect(stream.read_all() == socks5.answer(socks5.REFUSED), "answer")
    session.ping()
    session.close()
    with report.check("a node opens its own stream over a session that Python dialled"):
        mine = Identity()
        node.add_peer(f"{mine.uuid}@127.0.0.1:9")
        session = dial(node.address, node.uuid, mine)
        session.ping()
        session.send(Extenders((socks5.EXTENDER,)))
        with socks_request(node.socks, f"hops=0,node={mine.uuid}", "interop.example", 80) as client:
            _, stream = Streams(session).accept()
            expect(stream.alias == 2, f"alias {stream.alias}")
            expect(socks5.read_request(stream.read) == ("interop.example", 80), "the target")
            stream.reset(messages.RESET_REFUSED)
            expect(client.recv(2)[1] != 0, "the client is told")
        session.close()


def check_resumption(report: Report, node: RealNode) -> None:
    mine = Identity()
    first = dial(node.address, node.uuid, mine)
    first.ping()
    with report.check("the node's certificate says that sessions can be resumed"):
        expect(first.established.certificate.features & 1 == 1, "feature bit 1")
    time.sleep(1)  # until the session is written down
    first.connection.close()
    with report.check("a session whose connection broke goes on over another"):
        second = dial(node.address, node.uuid, mine, resumption=first.resumption())
        expect(second.receive() == Resumed(1, 1), "accepted, epoch 1")
        second.ping()
        expect(second.extenders == (socks5.EXTENDER,), "the list of extenders follows")
        second.close()
    with report.check("a secret serves once"):
        third = dial(node.address, node.uuid, mine, resumption=first.resumption())
        expect(third.receive().accepted == 0, "not accepted")
        third.ping()
        third.close()


def check_duplicates(report: Report, node: RealNode) -> None:
    with report.check("of two sessions by the same dialler the older is closed as a duplicate"):
        mine = Identity()
        older, newer = dial(node.address, node.uuid, mine), None
        older.ping()
        newer = dial(node.address, node.uuid, mine)
        newer.ping()
        try:
            older.receive()
        except Ended as ended:
            expect(ended.reason == 3, f"reason {ended.reason}")
        newer.close()


def check_silence(report: Report, node: RealNode) -> None:
    """Pings of the node: it sends one each second here, and waits a second for the pong."""
    node.set("ping.interval", "1s")
    node.set("ping.timeout", "1s")
    session = dial(node.address, node.uuid, Identity())
    session.ping()
    with report.check("pings of a node are answered, and the session stays"):
        deadline = time.monotonic() + 3.5
        while time.monotonic() < deadline:
            try:
                session.receive(patience=0.5)
            except TimeoutError:
                continue
        expect(session.pings_answered >= 2, f"{session.pings_answered} pings")
    with report.check("who does not answer pings is left as idle"):
        session.answers_pings = False
        try:
            while True:
                session.receive(patience=5)
        except Ended as ended:
            expect(ended.reason == 2, f"reason {ended.reason}")
