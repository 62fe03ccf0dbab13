"""Records of a standing session: changed, cut, said again, moved, reflected, and lengths that never come true."""

import time
from concurrent.futures import ThreadPoolExecutor

from checks.mutations import Mutations, is_refused
from checks.nodes import RealNode
from checks.report import Report, eventually, expect
from gatepeer.identity import Identity
from gatepeer.messages import CLOSE_IDLE, Ping, Pong, encode
from gatepeer.noise import ANONYMOUS
from gatepeer.session import Ended, Session, dial
from gatepeer.suites import Suite

from .changes import cuts, doublings, flips, omissions, put
from .watch import STANDING, attack

AT_ONCE = 256
RECORD = 2 + 9 + 4 + 16
LONG_BYTES = 65_518
PLACES_IN_LONG = (0, 1, 2, 3, 4_000, 32_768, LONG_BYTES + 1, LONG_BYTES + 2, LONG_BYTES + 17)


def check(report: Report, node: RealNode) -> None:
    mutations = Mutations(node, None)
    with attack(report, node, "changed records"):
        with report.check("a record unchanged is answered"):
            expect(not mutations.record(lambda record: record), "a pong")
        kinds = {
            "every bit flipped": flips(RECORD, 8), "a byte left out": omissions(RECORD, 1),
            "a byte doubled, but for the last": doublings(RECORD - 1, 1),
        }
        for name, changes in kinds.items():
            check_refused(report, node, f"a record with {name}", mutations.record, changes, is_cut=False)
        check_refused(report, node, "a record cut off", mutations.record, cuts(RECORD)[1:], is_cut=True)
        for suite in (Suite(1, 2, 2), Suite(2, 1, 3)):
            def long(change, is_cut: bool, suite: Suite = suite) -> bool:
                return is_long_refused(node, suite, change)
            places = [lambda data, at=at: put(data, at, bytes([data[at] ^ 32])) for at in PLACES_IN_LONG]
            check_refused(report, node, f"the longest record with a byte flipped, {suite.name}", long, places, False)
    with attack(report, node, "records out of place"):
        check_order(report, node)
    with attack(report, node, "records that never end"):
        check_endless(report, node)


def check_refused(report: Report, node: RealNode, name: str, kind, changes, is_cut: bool) -> None:
    with report.check(f"{name}, {len(changes)} connections: nothing is answered, the session ends"):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(lambda change: kind(change, is_cut), changes))
        expect(all(results), f"{results.count(False)} of {len(results)} were answered or left open")
        expect(eventually(lambda: node.metric(STANDING) == 0), f"{node.metric(STANDING)} sessions stand")


def is_long_refused(node: RealNode, suite: Suite, change) -> bool:
    session = standing(node, suite=suite)
    session.connection.sendall(change(session.sealing.seal(encode(Ping(7)).ljust(LONG_BYTES, b"\0"), padding=0)))
    return is_refused(session.connection)


def standing(node: RealNode, **options) -> Session:
    session = dial(node.address, node.uuid, Identity(), **options)
    session.ping()
    return session


def check_order(report: Report, node: RealNode) -> None:
    def pings(session: Session, count: int) -> list[bytes]:
        return [session.sealing.seal(encode(Ping(number))) for number in range(1, count + 1)]

    def swapped(session: Session) -> bytes:
        one, two = pings(session, 2)
        return two + one

    def later(session: Session) -> bytes:
        return pings(session, 3)[2]

    def earlier(session: Session) -> bytes:
        first = pings(session, 1)[0]
        session.connection.sendall(first + session.sealing.seal(encode(Ping(2))))
        session.receive_until(lambda message: message == Pong(2))
        return first

    def of_another(session: Session) -> bytes:
        other = standing(node)
        record = pings(other, 1)[0]
        other.close()
        return record

    def of_anonymous(session: Session) -> bytes:
        other = standing(node, pattern=ANONYMOUS)
        return pings(other, 1)[0]

    def reflected(session: Session) -> bytes:
        session.send(Ping(3))
        session._await(RECORD - 4)
        return bytes(session.arrived)

    def spliced(session: Session) -> bytes:
        one, two = pings(session, 2)
        return one[:2] + two[2:]

    def numbered_wide(session: Session) -> bytes:
        session.sealing.counter = 1 << 32
        return pings(session, 1)[0]

    places = {"two swapped": swapped, "one that is two ahead": later, "one said again after others": earlier,
              "one of another session": of_another, "one of an anonymous session": of_anonymous,
              "the node's own sent back": reflected, "the length of one before another": spliced,
              "one numbered 2^32": numbered_wide}
    def check_place(name: str, place) -> None:
        with report.check(f"a record out of place, {name}: the session ends without a word"):
            session = standing(node)
            session.connection.sendall(place(session))
            expect(is_refused(session.connection), "an answer")

    with ThreadPoolExecutor(len(places)) as pool:
        for name, place in places.items():
            pool.submit(check_place, name, place)
    for name, plaintext in {"an empty record": b"", "noise behind type 0": b"\0" + b"\xff" * 999}.items():
        with report.check(f"{name} means nothing: the session stays"):
            session = standing(node)
            for _ in range(100):
                session.connection.sendall(session.sealing.seal(plaintext, padding=0))
            session.ping()
            session.close()


def check_endless(report: Report, node: RealNode) -> None:
    """Bytes of a record that never is whole prove nothing: they must not keep a session alive."""
    node.set("ping.interval", "1s")
    node.set("ping.timeout", "1s")
    with report.check("a record that comes a byte at a time and never ends: idle all the same"):
        session = standing(node)
        record = session.sealing.seal(bytes(LONG_BYTES), padding=0)
        begin = time.monotonic()
        session.answers_pings = False
        try:
            for place in range(40):
                session.connection.sendall(record[place : place + 1])
                wait_closed(session, 0.2)
            raise AssertionError("stands after 8 s")
        except (Ended, OSError) as ended:
            expect(getattr(ended, "reason", CLOSE_IDLE) == CLOSE_IDLE, f"{ended}")
            expect(time.monotonic() - begin < 6, "later than its settings say")
    with report.check("a last flight that comes a byte at a time ends with the handshake's time"):
        node.set("handshake.timeout", "2s")
        with Mutations(node, None).connect() as connection:
            begin = time.monotonic()
            try:
                for byte in Mutations(node, None).initiator().write_opening()[:200]:
                    connection.sendall(bytes([byte]))
                    connection.settimeout(0.1)
                    try:
                        if connection.recv(1) == b"":
                            break
                    except TimeoutError:
                        continue
            except OSError:
                pass
            expect(time.monotonic() - begin < 4, "two seconds")
    node.set("handshake.timeout", "10s")
    node.set("ping.interval", "25s")
    node.set("ping.timeout", "20s")


def wait_closed(session: Session, seconds: float) -> None:
    try:
        session.receive(seconds)
    except TimeoutError:
        pass
