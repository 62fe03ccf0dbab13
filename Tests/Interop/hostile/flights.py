"""Each byte of what an initiator says before a session stands: changed, left out, doubled, cut off, said again."""

import socket
import struct
from concurrent.futures import ThreadPoolExecutor

from checks.mutations import HANDSHAKE, Mutations, is_refused
from checks.nodes import RealNode
from checks.report import Report, eventually, expect
from gatepeer.flights import HEAD_BYTES, SEED_BYTES, Mask, minute_now
from gatepeer.handshake import Initiator, read_flight
from gatepeer.identity import Identity
from gatepeer.messages import decode
from gatepeer.noise import ANONYMOUS, MUTUAL
from gatepeer.session import Ended, Session, read_exactly, read_until_answer
from gatepeer.suites import Suite

from .changes import Change, cuts, doublings, flips, omissions
from .watch import ESTABLISHED, FAILED, REFUSED, attack

AT_ONCE = 160
BODY_AND_TAG = 16
OPENING = HEAD_BYTES + 32 + 1184 + BODY_AND_TAG
LAST = HEAD_BYTES + 48 + 14 + 163 + 16 + BODY_AND_TAG


def check(report: Report, node: RealNode) -> None:
    mutations = Mutations(node, None)
    node.set("handshake.timeout", HANDSHAKE)
    with attack(report, node, "changed flights of an initiator"):
        check_kind(report, mutations, "opening", mutations.first, OPENING)
        check_kind(report, mutations, "last flight", mutations.third, LAST)
        node.take(Suite(1, 2, 2))
        check_kind(report, mutations, "second opening", mutations.second_opening, OPENING)
        check_kind(report, mutations, "last flight after a retry", mutations.third, LAST)
        node.take()
    with attack(report, node, "openings that nobody writes"):
        check_headers(report, node)
    with attack(report, node, "flights said again"):
        check_repeats(report, mutations)
    node.set("handshake.timeout", "10s")


def check_kind(report: Report, mutations: Mutations, name: str, kind, byte_count: int) -> None:
    with report.check(f"{name}: unchanged it is answered"):
        expect(not kind(lambda flight: flight), "an answer")
    bits = flips(HEAD_BYTES, 8) + flips(byte_count)[HEAD_BYTES:]
    moved = omissions(byte_count, 7) + doublings(byte_count, 7)
    words = "all 8 bits of its head flipped, one of each byte behind"
    check_refused(report, mutations.node, f"{name}: {words}", kind, bits)
    check_refused(report, mutations.node, f"{name}: a byte left out or doubled", kind, moved)
    check_refused(report, mutations.node, f"{name}: cut off", kind, cuts(byte_count, 5), is_cut=True)


def check_refused(
    report: Report, node: RealNode, name: str, kind, changes: list[Change], is_cut: bool = False
) -> None:
    """No answer to any, no session, and the node itself counted as many failures."""
    with report.check(f"{name}, {len(changes)} connections: nothing is answered, no session"):
        failed, refused, established = map(node.metric, (FAILED, REFUSED, ESTABLISHED))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(lambda change: kind(change, is_cut), changes))
        expect(all(results), f"{results.count(False)} of {len(results)} were answered or left open")
        expect(eventually(lambda: node.metric(FAILED) == failed + len(changes)),
               f"{node.metric(FAILED) - failed} failures")
        expect(node.metric(REFUSED) == refused, "all were let in to be judged")
        expect(node.metric(ESTABLISHED) == established, "sessions")


class Opening:
    """A sound opening whose header may say anything."""

    def __init__(self, node: RealNode):
        self.node = node

    def sealed(self, message: bytes | None = None, padding: int = 100, plain: int | None = None,
               counted: int | None = None, **header) -> bytes:
        fields = {"versions": 0x12, "kind": 1, "pattern": MUTUAL, "context": 1, "suite": b"\1\1\1",
                  "offers": b"\6\6\x0e", "minute": minute_now(), **header}
        side = Initiator(Identity(), self.node.uuid)
        mask = Mask(self.node.uuid, None)
        if message is None:
            side.write_opening()
            message = side.noise.ephemeral.public_key().public_bytes_raw()
            message += side.noise.kem_key.public_key().public_bytes_raw()
        body = message + bytes(padding)
        choices = bytes([fields["versions"], fields["kind"], fields["pattern"], fields["context"]])
        choices += fields["suite"] + fields["offers"] + struct.pack(">I", fields["minute"])
        flight = mask.seal(1, choices, message, padding)
        if plain is None and counted is None:
            return flight
        seed, rest = flight[:SEED_BYTES], flight[HEAD_BYTES:]
        header_bytes = choices + struct.pack(
            ">HH", len(body) if plain is None else plain, len(message) if counted is None else counted)
        return seed + mask._cipher(seed, 1, 1).encrypt(bytes(12), header_bytes, b"") + rest


HEADERS = {
    "minute 0": {"minute": 0}, "the last minute of all": {"minute": 2**32 - 1}, "minute 2^31": {"minute": 2**31},
    "version 0": {"versions": 0x01}, "a lowest version above the highest": {"versions": 0x21},
    "versions that are not there yet": {"versions": 0x3F},
    "kind 0": {"kind": 0}, "kind retry": {"kind": 2}, "an empty retry": {"kind": 2, "message": b""},
    "kind 3": {"kind": 3}, "kind 255": {"kind": 255},
    "pattern 0": {"pattern": 0}, "pattern 3": {"pattern": 3},
    "context 0": {"context": 0}, "context hop": {"context": 2}, "context end to end": {"context": 3},
    "context 4": {"context": 4},
    "a suite outside its own offers": {"offers": b"\4\6\x0e"}, "no offers": {"offers": b"\0\0\0"},
    "algorithms above 7": {"suite": b"\xff\xff\xff", "offers": b"\xff\xff\xff"},
    "no message": {"message": b""}, "a message of one key": {"message": b"\x09" * 32},
    "a message one byte short": {"message": b"\x09" * 1215}, "a message one byte long": {"message": b"\x09" * 1217},
    "a message longer than its body": {"counted": 0xFFFF}, "a body beyond the bound": {"plain": 0xFFFF},
    "a body beyond the bound by a byte": {"padding": 16_385 - HEAD_BYTES - BODY_AND_TAG - 1216},
    "an empty body": {"plain": 0, "counted": 0},
}


def check_headers(report: Report, node: RealNode) -> None:
    """Sealed as they should be, so that only what they say is wrong."""
    opening, mutations = Opening(node), Mutations(node, None)
    with report.check("an opening whose header is made here is answered, up to the bound of a flight"):
        expect(not mutations.first(lambda _: opening.sealed()), "an answer")
        longest = 16_384 - HEAD_BYTES - BODY_AND_TAG - 1216
        expect(not mutations.first(lambda _: opening.sealed(padding=longest)), "an answer to the longest")
    failed, refused = node.metric(FAILED), node.metric(REFUSED)

    def check_one(name: str, flight: bytes) -> None:
        with report.check(f"an opening with {name}: nothing is answered"):
            expect(mutations.first(lambda _: flight), "an answer, or left open")

    with ThreadPoolExecutor(len(HEADERS)) as pool:
        for name, header in HEADERS.items():
            pool.submit(check_one, name, opening.sealed(**header))
    with report.check("the node counted each of them"):
        expect(eventually(lambda: node.metric(FAILED) == failed + len(HEADERS)), f"{node.metric(FAILED) - failed}")
        expect(node.metric(REFUSED) == refused, "all were let in to be judged")
    check_retry_and_close(report, node, opening.sealed(suite=b"\7\7\7", offers=b"\x80\x80\x80"))


def check_retry_and_close(report: Report, node: RealNode, opening: bytes) -> None:
    with report.check("an opening with algorithms that nobody knows: told so, and closed"):
        with socket.create_connection(node.address, timeout=5) as connection:
            connection.sendall(opening)
            side = Initiator(Identity(), node.uuid)
            side.flight_count = 1
            choices, message = read_flight(side, lambda count: read_exactly(connection, count))
            expect(choices[1] == 2 and choices[4:7] == bytes(3) and message == b"", "a retry without a suite")
            expect(connection.recv(1) == b"", "closed")


def check_repeats(report: Report, mutations: Mutations) -> None:
    node = mutations.node
    for name, pattern in {"mutual": MUTUAL, "anonymous": ANONYMOUS}.items():
        with report.check(f"an opening twice on one connection, {name}: one answer, then the end"):
            established = node.metric(ESTABLISHED)
            with mutations.connect() as connection:
                side = Initiator(Identity(), node.uuid, pattern=pattern)
                connection.sendall(side.write_opening() * 2)
                read_until_answer(side, connection)
                is_silent = is_refused(connection)
                expect(is_silent or pattern == ANONYMOUS, "nothing more")
            expect(node.metric(ESTABLISHED) == established + (pattern == ANONYMOUS), "sessions")
    with report.check("a last flight twice on one connection: the session ends without a word"):
        with mutations.connect() as connection:
            side = mutations.initiator()
            connection.sendall(side.write_opening())
            read_until_answer(side, connection)
            connection.sendall(side.write_last() * 2)
            expect_silent_end(Session(connection, side.established()))
    with report.check("a last flight that comes before its answer could, byte by byte of noise, is refused"):
        with mutations.connect() as connection:
            connection.sendall(mutations.initiator().write_opening() + bytes(400))
            connection.settimeout(1)
            side = Initiator(Identity(), node.uuid)
            expect(len(connection.recv(1 << 16)) > OPENING, "the opening was sound")
            expect(is_refused(connection), "nothing more")
    with report.check("an opening of one connection on many others at once: answered once"):
        repeated = mutations.initiator().write_opening()
        with ThreadPoolExecutor(64) as pool:
            answered = list(pool.map(lambda _: not mutations.first(lambda _: repeated), range(64)))
        expect(answered.count(True) == 1, f"{answered.count(True)} answers")


def expect_silent_end(session: Session) -> None:
    """What had been said before comes; then the connection ends, given plenty to read."""
    session.connection.settimeout(15)
    sent = False
    try:
        while True:
            decode(session._receive_record())
            if not sent:
                session.connection.sendall(bytes(1 << 17))
                sent = True
    except (Ended, OSError) as ended:
        expect(not isinstance(ended, TimeoutError), "left open")
        expect(getattr(ended, "reason", None) is None, "a word")
