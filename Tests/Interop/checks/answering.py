"""A real node dials Python: each time because a SOCKS5 client asked it for a target behind the Python peer."""

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from gatepeer import messages, socks5
from gatepeer.flights import RETRY, Choices, Mask, SharedSecret, minute_now
from gatepeer.handshake import NoCommonSuite
from gatepeer.identity import Identity
from gatepeer.messages import Extenders, StreamOpen
from gatepeer.noise import MUTUAL
from gatepeer.session import Ended, Node, Session
from gatepeer.streams import Streams
from gatepeer.suites import ALL_SUITES, Suite, Taken

from .nodes import RealNode, socks_request
from .report import Report, eventually, expect

BODY_BYTES = 3 << 20
HOST, PORT = "interop.example", 4711


class Asked:
    """A Python peer that a node knows, and a client whose request makes the node dial it."""

    def __init__(
        self, node: RealNode, secret: SharedSecret | None = None, versions: tuple[int, int] = (1, 2),
        taken: Taken = Taken(), identity: Identity | None = None, effort: int = 0,
    ):
        self.node, self.peer = node, Node(identity or Identity(), secret, versions, taken, effort)
        node.add_peer(self.peer.card)

    def request(self) -> socket.socket:
        user = f"hops=0,node={self.peer.identity.uuid}"
        return socks_request(self.node.socks, user, HOST, PORT)

    def __enter__(self) -> "Asked":
        self.client = self.request()
        return self

    def __exit__(self, *_) -> None:
        self.client.close()
        self.peer.close()

    def accept(self) -> Session:
        """The session that the node makes, told that the SOCKS5 extender is here."""
        session = self.peer.accept()
        session.send(Extenders((socks5.EXTENDER,)))
        return session


def expect_session(asked: Asked, suite: Suite, took_retry: bool) -> None:
    """A session in that suite, whose stream is refused."""
    session = asked.accept()
    established = session.established
    expect(established.pattern == MUTUAL and established.version == 2, "mutual, version 2")
    expect(established.secrets.suite == suite, established.secrets.suite.name)
    expect(established.took_retry == took_retry, "a retry or none")
    expect(established.certificate.uuid == asked.node.uuid, "the node's certificate")
    opened = session.receive_until(lambda message: isinstance(message, StreamOpen))
    expect(opened.alias == 1 and opened.extender == socks5.EXTENDER, "a stream of SOCKS5")
    session.send(messages.StreamReset(opened.alias, messages.RESET_REFUSED))
    expect(asked.client.recv(2)[1] != 0, "the client is told")
    session.ping()
    expect(session.extenders == (socks5.EXTENDER,), "the node's list of extenders")
    session.close()


def check_suites(report: Report, node: RealNode, secret: SharedSecret | None, suites: list[Suite]) -> None:
    word = "with" if secret else "without"
    for suite in suites:
        node.take(suite, *ALL_SUITES)
        with report.check(f"a node dials with its favourite {suite.name}, {word} shared secret; its stream is refused"):
            with Asked(node, secret) as asked:
                expect_session(asked, suite, took_retry=False)
    node.take()


def check_retry(report: Report, node: RealNode, secret: SharedSecret | None, suites: list[Suite]) -> None:
    """A Python peer that takes other suites than the node begins with."""
    word = "with" if secret else "without"
    for suite in suites:
        with report.check(f"a node opens anew with {suite.name} where Python takes no other, {word} shared secret"):
            with Asked(node, secret, taken=Taken.only(suite)) as asked:
                expect_session(asked, suite, took_retry=suite != Suite())
    with report.check(f"a node says what it offers where there is no common suite, {word} shared secret"):
        node.take(Suite(1, 1, 1), Suite(1, 2, 2))
        with Asked(node, secret, taken=Taken(kems=(2,))) as asked:
            try:
                asked.accept()
                raise AssertionError("a session")
            except NoCommonSuite:
                expect(asked.client.recv(2)[1] != 0, "the client is told")
            words = "no common suite: we offer ml-kem-768, the node takes ml-kem-1024"
            expect(eventually(lambda: words in node.refusals()), "a refusal in status")
        node.take()
    with report.check(f"a node takes no second retry, {word} shared secret"):
        with Asked(node, secret, taken=Taken(hashes=(3,))) as asked:
            sent: list[bytes] = []

            def change(flight: bytes) -> bytes:
                sent.append(flight)
                if len(sent) == 1:
                    return flight
                again = Choices(2, 2, MUTUAL, Suite(1, 2, 2), minute_now(), bytes([6, 4, 4]), RETRY)
                return Mask(asked.peer.identity.uuid, secret).seal(4, again.encode(), b"", 1_300)

            try:
                asked.peer.accept(patience=5, change_answer=change)
                raise AssertionError("a session")
            except (Ended, TimeoutError):
                expect(len(sent) == 2, "the node opened anew")


def check_versions(report: Report, node: RealNode, newest: int, secret: SharedSecret | None) -> None:
    for spoken in sorted({(1, 1), (1, newest), (newest, newest)}):
        with report.check(f"a node that speaks up to {newest} dials a peer that speaks {spoken}"):
            with Asked(node, secret, spoken) as asked:
                session = asked.accept()
                expect(session.established.version == spoken[1], f"version {session.established.version}")
                session.ping()
                session.close()


def check_exit(report: Report, node: RealNode, secret: SharedSecret | None) -> None:
    word = "with" if secret else "without"
    with report.check(f"a client of a real node gets 3 MiB back from Python as its exit, {word} shared secret"):
        with Asked(node, secret) as asked:
            session = asked.accept()
            streams = Streams(session)
            _, stream = streams.accept()
            expect(socks5.read_request(stream.read) == (HOST, PORT), "the target")
            stream.write(socks5.answer(socks5.CONNECTED))
            client = Client(asked.client)
            body = stream.read(BODY_BYTES)
            stream.write(body)
            expect(stream.read_all() == b"", "nothing more")
            stream.finish()
            stream.done()
            stream.wait_done()
            expect(client.result() == client.body == body, "the same bytes")
            session.ping()
            session.close()
    with report.check("what the exit answers is told to the client"):
        with Asked(node, secret) as asked:
            session = asked.accept()
            _, stream = Streams(session).accept()
            socks5.read_request(stream.read)
            stream.write(socks5.answer(socks5.REFUSED))
            stream.finish()
            expect(asked.client.recv(2) == b"\x05\x05", "connection refused")
            session.close()


class Client(threading.Thread):
    """Sends a body through the proxy and reads what comes back, both at once with the exit."""

    def __init__(self, connection: socket.socket):
        super().__init__(daemon=True)
        self.connection, self.body, self.found = connection, os.urandom(BODY_BYTES), b""
        self.start()

    def run(self) -> None:
        sending = threading.Thread(target=self._send, daemon=True)
        expect(self.connection.recv(10, socket.MSG_WAITALL)[:2] == b"\x05\x00", "connected")
        sending.start()
        while part := self.connection.recv(1 << 16):
            self.found += part
        sending.join()

    def _send(self) -> None:
        self.connection.sendall(self.body)
        self.connection.shutdown(socket.SHUT_WR)

    def result(self) -> bytes:
        self.join(10)
        return self.found


def check_second_flight(report: Report, node: RealNode) -> None:
    """A node that dialled answers nothing to a changed second flight, answer or retry."""

    def flipped(position: int):
        def change(flight: bytes) -> bytes:
            place = position % len(flight)
            return flight[:place] + bytes([flight[place] ^ 1]) + flight[place + 1 :]
        return change

    changes = {f"with byte {position} flipped": flipped(position) for position in (0, 40, 65, 66, 900, -1)}
    changes["cut off"] = lambda flight: flight[:-1]
    others = {"signed by another key": ("signing",), "of another node": ("signing", "bundle")}
    with ThreadPoolExecutor() as pool:
        for name, change in changes.items():
            pool.submit(check_given_up, report, node, name, change)
            pool.submit(check_given_up, report, node, f"(a retry) {name}", change, taken=Taken(kems=(2,)))
        for name, attributes in others.items():
            pool.submit(check_given_up, report, node, name, lambda flight: flight, attributes)


def check_given_up(
    report: Report, node: RealNode, name: str, change, others: tuple[str, ...] = (), taken: Taken = Taken(),
) -> None:
    """One dial of the node, to which the answer is not what it should be; `others` is taken from another identity."""
    with report.check(f"a node gives up on a second flight {name}"), Asked(node, taken=taken) as asked:
        stranger = Identity()
        for attribute in others:
            setattr(asked.peer.identity, attribute, getattr(stranger, attribute))
        was_sent = threading.Event()

        def sent(flight: bytes) -> bytes:
            was_sent.set()
            return change(flight)

        try:
            asked.peer.accept(patience=5, change_answer=sent)
            raise AssertionError("flight 3 came")
        except (Ended, TimeoutError):
            expect(was_sent.is_set(), "the node dialled")
