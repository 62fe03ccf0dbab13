"""Changed, cut and repeated flights and records: a node answers nothing to them, and no session comes to stand."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gatepeer.flights import Choices, Mask, SharedSecret, minute_now
from gatepeer.handshake import Initiator, read_flight
from gatepeer.identity import Identity
from gatepeer.messages import Ping, Pong, encode
from gatepeer.noise import MUTUAL
from gatepeer.session import Ended, dial, read_exactly, read_until_answer
from gatepeer.suites import Refused, Suite

from .nodes import RealNode
from .report import Report, eventually, expect

AT_ONCE = 160
QUIET_SECONDS = 0.25
CLOSE_SECONDS = 15
HANDSHAKE = "3s"
FLOOD = bytes(1 << 17)
SESSIONS = "gate_sessions_established_total"


def flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1 << position % 8]) + data[position + 1 :]


def is_refused(connection: socket.socket, is_cut: bool = False) -> bool:
    """Whether nothing is answered and the connection ends.

    A node reads on after what it does not understand until the handshake's time is over, some seconds after a record;
    what more it is given to read does not hasten it. A flight that was only cut off ends with the connection's sending
    half.
    """
    try:
        connection.settimeout(QUIET_SECONDS)
        try:
            return connection.recv(1) == b""
        except TimeoutError:
            pass
        connection.settimeout(CLOSE_SECONDS)
        connection.shutdown(socket.SHUT_WR) if is_cut else connection.sendall(FLOOD)
        return connection.recv(1) == b""
    except (ConnectionResetError, BrokenPipeError):
        return True
    except TimeoutError:
        return False


class Mutations:
    """Sends many changed handshakes at once to one node."""

    def __init__(self, node: RealNode, secret: SharedSecret | None):
        self.node, self.secret = node, secret

    def initiator(self) -> Initiator:
        return Initiator(Identity(), self.node.uuid, self.secret)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.node.address, timeout=CLOSE_SECONDS)

    def first(self, change, is_cut: bool = False) -> bool:
        """Whether a first flight, changed by `change`, is refused; each is a fresh one."""
        with self.connect() as connection:
            connection.sendall(change(self.initiator().write_opening()))
            return is_refused(connection, is_cut)

    def third(self, change, is_cut: bool = False) -> bool:
        with self.connect() as connection:
            side = self.initiator()
            connection.sendall(side.write_opening())
            read_until_answer(side, connection)
            connection.sendall(change(side.write_last()))
            return is_refused(connection, is_cut)

    def second_opening(self, change, is_cut: bool = False) -> bool:
        """The same of the opening that follows a retry."""
        with self.connect() as connection:
            side = self.initiator()
            connection.sendall(side.write_opening())
            retry, _ = read_flight(side, lambda count: read_exactly(connection, count))
            connection.sendall(change(side.read_retry(retry)))
            return is_refused(connection, is_cut)

    def record(self, change, is_cut: bool = False) -> bool:
        """Whether a session ends without a word, and without a pong, at a changed ping."""
        session = dial(self.node.address, self.node.uuid, Identity(), self.secret)
        session.ping()
        session.connection.sendall(change(session.sealing.seal(encode(Ping(7)), padding=4)))
        return is_refused(session.connection, is_cut)

    def all_refused(self, kind, changes, is_cut: bool = False) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(lambda change: kind(change, is_cut), changes))
        expect(all(results), f"{results.count(False)} of {len(results)} were answered or left open")


def flips(byte_count: int, step: int):
    return [lambda data, position=position: flip(data, position % len(data)) for position in range(0, byte_count, step)]


def cuts(byte_count: int, step: int):
    return [lambda data, count=count: data[: 1 + count % (len(data) - 1)] for count in range(1, byte_count, step)]


def check(report: Report, node: RealNode, secret: SharedSecret | None, step: int) -> None:
    """`step`: every so many bytes of a flight one is flipped."""
    mutations = Mutations(node, secret)
    word = "with" if secret else "without"
    node.set("handshake.timeout", HANDSHAKE)
    side = mutations.initiator()
    first_count = len(side.write_opening())
    with report.check(f"the checks of changed flights see an answer where one comes ({word} shared secret)"):
        expect(not mutations.first(lambda flight: flight), "flight 2")
        expect(not mutations.third(lambda flight: flight), "a list of extenders")
        expect(not mutations.record(lambda record: record), "a pong")
    before = node.metric(SESSIONS)
    with report.check(f"flight 1 with a byte flipped, each {step} of {first_count}, {word} shared secret"):
        mutations.all_refused(mutations.first, flips(first_count, step))
    with report.check(f"flight 1 cut off, {word} shared secret"):
        mutations.all_refused(mutations.first, cuts(first_count, max(step, 41)), is_cut=True)
    third_count = 66 + 16 + 48 + 14 + 163 + 16
    where = f"each {step} of {third_count} and in its padding"
    with report.check(f"flight 3 with a byte flipped, {where}, {word} shared secret"):
        mutations.all_refused(mutations.third, flips(third_count + 64, step))
    with report.check(f"flight 3 cut off, {word} shared secret"):
        mutations.all_refused(mutations.third, cuts(third_count, max(step, 41)), is_cut=True)
    with report.check("no session came to stand of all these"):
        expect(eventually(lambda: node.metric("gate_handshakes") == 0), "handshakes that wait")
        expect(node.metric(SESSIONS) == before, "sessions")
    check_repeats(report, mutations)
    check_records(report, mutations)
    node.set("handshake.timeout", "10s")


def check_repeats(report: Report, mutations: Mutations) -> None:
    node, secret = mutations.node, mutations.secret
    with report.check("flight 1 repeated is not answered again"):
        repeated = mutations.initiator().write_opening()
        expect(not mutations.first(lambda _: repeated), "the first is answered")
        expect(mutations.first(lambda _: repeated), "the second is not")
    with report.check("flight 3 of another handshake is refused"):
        with mutations.connect() as connection:
            side = mutations.initiator()
            connection.sendall(side.write_opening())
            read_until_answer(side, connection)
            other = side.write_last()
        expect(mutations.third(lambda _: other), "refused")
    with report.check("flight 3 sealed again with other choices is refused"):
        expect(third_with_other_choices(mutations), "refused")
    for minutes in (-7, 7):
        with report.check(f"flight 1 of a clock that is {minutes} minutes off is refused"):
            expect(mutations.first(lambda _: mutations.initiator().write_opening(minute_now() + minutes)), "refused")
    with report.check("flight 1 to another UUID is refused"):
        other_uuid = Identity().uuid
        expect(mutations.first(lambda _: Initiator(Identity(), other_uuid, secret).write_opening()), "refused")
    with report.check("flight 1 with another shared secret, or with one where there is none, is refused"):
        wrong = SharedSecret(bytes(range(32)))
        expect(mutations.first(lambda _: Initiator(Identity(), node.uuid, wrong).write_opening()), "refused")
    if secret is None:
        check_public_keys(report, mutations)
    else:
        with report.check("flight 1 without the shared secret is refused"):
            expect(mutations.first(lambda _: Initiator(Identity(), node.uuid).write_opening()), "refused")


def check_retry(report: Report, node: RealNode, secret: SharedSecret | None, step: int) -> None:
    """Flights 1, 3 and 5 where the node takes another suite than it is dialled with."""
    node.take(Suite(2, 1, 2), Suite(2, 2, 3))
    node.set("handshake.timeout", HANDSHAKE)
    mutations = Mutations(node, secret)
    opening_count = 66 + 16 + 32 + 1568 + (32 if secret else 0)
    last_count = 66 + 16 + 48 + 14 + 163 + 16
    word = "with" if secret else "without"
    with report.check(f"the checks of changed flights see an answer with a retry, too ({word} shared secret)"):
        expect(not mutations.first(lambda flight: flight), "retry")
        expect(not mutations.second_opening(lambda flight: flight), "flight 4")
        expect(not mutations.third(lambda flight: flight), "a list of extenders")
    before = node.metric(SESSIONS)
    kinds = [
        ("flight 1 that gets a retry", mutations.first, opening_count - 400),
        ("flight 3, the second opening,", mutations.second_opening, opening_count),
        ("flight 5", mutations.third, last_count),
    ]
    for name, kind, count in kinds:
        with report.check(f"{name} with a byte flipped, each {step}, {word} shared secret"):
            mutations.all_refused(kind, flips(count, step))
        with report.check(f"{name} cut off, {word} shared secret"):
            mutations.all_refused(kind, cuts(count, 97), is_cut=True)
    with report.check("flight 1 in place of flight 3, and a flight 3 of another connection, are refused"):
        expect(mutations.second_opening(lambda _: mutations.initiator().write_opening()), "another flight 1")
        with mutations.connect() as connection:
            side = mutations.initiator()
            connection.sendall(side.write_opening())
            other = side.read_retry(read_flight(side, lambda count: read_exactly(connection, count))[0])
        expect(mutations.first(lambda _: other), "as flight 1")
    with report.check("no session came to stand of all these either"):
        expect(eventually(lambda: node.metric("gate_handshakes") == 0), "handshakes that wait")
        expect(node.metric(SESSIONS) == before, "sessions")
    with report.check("flight 3 that was answered, behind a flight 1 and a retry of another connection, is not again"):
        expect(second_opening_again(mutations), "refused")
    node.set("handshake.timeout", "10s")
    node.take()


def second_opening_again(mutations: Mutations) -> bool:
    """Both connections' openings have one minute, as the same choices are asked for."""
    minute = minute_now()
    with mutations.connect() as connection, mutations.connect() as other:
        recorded = None
        for each in (connection, other):
            side = mutations.initiator()
            each.sendall(side.write_opening(minute))
            retry, _ = read_flight(side, lambda count, each=each: read_exactly(each, count))
            if recorded is None:
                recorded = side.read_retry(retry)
                each.sendall(recorded)
                read_until_answer(side, each)
        other.sendall(recorded)
        return is_refused(other)


def check_public_keys(report: Report, mutations: Mutations) -> None:
    """Without a shared secret the first Noise message is two public keys, in the clear within the mask."""
    ephemeral = X25519PrivateKey.generate().public_key().public_bytes_raw()
    kem_key = mlkem.MLKEM768PrivateKey.generate().public_key().public_bytes_raw()

    def sealed(message: bytes) -> bytes:
        choices = Choices(1, 2, MUTUAL, Suite(), minute_now()).encode()
        return Mask(mutations.node.uuid, None).seal(1, choices, message)

    with report.check("an X25519 key whose results are zero, and an ML-KEM key that is not reduced, are refused"):
        expect(not mutations.first(lambda _: sealed(ephemeral + kem_key)), "sound keys are answered")
        expect(mutations.first(lambda _: sealed(bytes(32) + kem_key)), "X25519")
        expect(mutations.first(lambda _: sealed(ephemeral + b"\xff\xff\xff" + kem_key[3:])), "ML-KEM")


def third_with_other_choices(mutations: Mutations) -> bool:
    """What somebody in the middle who knows the mask could do: change the header and leave the Noise message."""
    with mutations.connect() as connection:
        side = mutations.initiator()
        connection.sendall(side.write_opening())
        read_until_answer(side, connection)
        flight = side.write_last()
        choices, rest, count = side.mask.open_head(3, flight[:66])
        message = side.mask.open_body(3, flight[:32], flight[66 : 66 + rest], count)
        earlier = choices[:10] + (int.from_bytes(choices[10:14], "big") - 1).to_bytes(4, "big")
        connection.sendall(side.mask.seal(3, earlier, message))
        return is_refused(connection)


def check_records(report: Report, mutations: Mutations) -> None:
    record_count = 2 + 9 + 4 + 16
    with report.check(f"a record with a byte flipped, each of {record_count}"):
        mutations.all_refused(mutations.record, flips(record_count, 1))
    with report.check("a record cut off"):
        mutations.all_refused(mutations.record, cuts(record_count, 3), is_cut=True)
    with ThreadPoolExecutor() as pool:
        for name, places in {"repeated": (0, 0), "left out": (1,), "in the wrong order": (1, 0)}.items():
            pool.submit(check_places, report, mutations, name, places)


def check_places(report: Report, mutations: Mutations, name: str, places: tuple[int, ...]) -> None:
    with report.check(f"a record {name} ends the session without a word"):
        session = dial(mutations.node.address, mutations.node.uuid, Identity(), mutations.secret)
        session.ping()
        records = [session.sealing.seal(encode(Ping(number))) for number in (1, 2)]
        session.connection.sendall(b"".join(records[place] for place in places))
        try:
            if places[0] == 0:
                expect(session.receive() == Pong(1), "the first is answered")
            time.sleep(QUIET_SECONDS)
            session.connection.sendall(FLOOD)
            session.receive(CLOSE_SECONDS)
            raise AssertionError("an answer")
        except Ended as ended:
            expect(ended.reason is None, f"reason {ended.reason}")
        except BrokenPipeError:
            pass
        except Refused as refused:
            raise AssertionError("an answer") from refused
