"""Key updates between Python and real nodes, in both roles, asked for by either side."""

import time

from gatepeer import messages
from gatepeer.flights import SharedSecret
from gatepeer.identity import Identity
from gatepeer.keyupdate import KeyUpdate, next_root
from gatepeer.messages import KeyReply, KeyRequest, KeySwitch, Ping, Resumed, encode
from gatepeer.noise import ANONYMOUS, MUTUAL
from gatepeer.records import FROM_INITIATOR, FROM_RESPONDER, RecordDirection
from gatepeer.session import Ended, Session, dial
from gatepeer.streams import Streams
from gatepeer.suites import Suite

from .answering import Asked
from .dialling import exchange
from .faults import expect_close
from .mutations import CLOSE_SECONDS, FLOOD, is_refused
from .nodes import RealNode
from .report import Report, eventually, expect

UPDATES = "gate_sessions_key_updates_total"
REST = 1.05
ROOT = "e7fe469888c0119fc6d85351692fb61fb0c9ccd30d4e2bb0982ca29118fe04f5"


def check_example(report: Report) -> None:
    with report.check("the root of the article's example"):
        request = KeyRequest(1, b"\x22" * 32, b"\x23" * 1184)
        reply = KeyReply(1, b"\x24" * 32, b"\x25" * 1088)
        fresh = b"\x20" * 32 + b"\x21" * 32
        root = next_root(Suite(), bytes(range(32)), fresh, FROM_RESPONDER, request, reply)
        expect(root.hex() == ROOT, root.hex())
        key = RecordDirection(Suite(), root, FROM_INITIATOR, 1).key
        expect(key.hex() == "f94c50084f481e919dec8ed28cc158cee43704cccf9de2851da2780313bd8ef3", key.hex())


def check_asking(report: Report, node: RealNode, secret: SharedSecret | None) -> None:
    word = "with" if secret else "without"
    for pattern, suite, count in ((MUTUAL, Suite(), 2), (ANONYMOUS, Suite(2, 2, 3), 1), (MUTUAL, Suite(1, 2, 2), 1)):
        kind = "mutual" if pattern == MUTUAL else "anonymous"
        with report.check(f"Python asks a node for fresh keys: {kind}, {suite.name}, {word} shared secret"):
            session = dial(node.address, node.uuid, Identity(), secret, pattern, suite)
            session.ping()
            before = node.metric(UPDATES)
            for number in range(count):
                time.sleep(REST if number else 0)
                session.update_keys()
                session.ping()
            expect(eventually(lambda: node.metric(UPDATES) == before + count), "the node's count")
            expect(session.sealing.counter == 1, "counted anew")
            session.close()


def check_answering(report: Report, node: RealNode, web_port: int) -> None:
    """The node asks for fresh keys each two seconds."""
    node.set("keys.update-minimum", "2s")
    node.set("keys.update-maximum", "2s")
    with report.check("a node asks Python, its dialler, for fresh keys again and again while streams flow"):
        session = dial(node.address, node.uuid, Identity())
        session.ping()
        streams = Streams(session)
        while session.keys.epoch < 2:
            exchange(streams, web_port)
        session.ping()
        session.close()
    with report.check("both ask at once: the request of Python, the initiator, counts"):
        session = dial(node.address, node.uuid, Identity())
        session.ping()
        next_request(session)  # takes no notice of it
        session.update_keys()
        session.ping()
        session.close()
    with report.check("both ask at once: the request of the node, the initiator, counts"), Asked(node) as asked:
        session = asked.accept()
        request = next_request(session)
        session.send(session.keys.request())
        session.answer(request)
        session.wait_for_epoch(1)
        session.ping()
        session.wait_for_epoch(2)
        session.ping()
        session.close()
    with report.check("a session of version 1 keeps its keys"):
        session = dial(node.address, node.uuid, Identity(), versions=(1, 1))
        session.ping()
        time.sleep(2.5)
        session.ping()
        expect(session.keys.epoch == 0, "no request came")
        session.close()
    node.set("keys.update-minimum", "5m")
    node.set("keys.update-maximum", "20m")


def check_volume(report: Report, node: RealNode, web_port: int) -> None:
    node.set("keys.update-volume", str(1 << 20))
    with report.check("a node asks for fresh keys when it has sent as much as its setting says"):
        session = dial(node.address, node.uuid, Identity())
        session.ping()
        time.sleep(2.1)
        exchange(Streams(session), web_port)
        session.wait_for_epoch(1)
        session.ping()
        session.close()
    node.set("keys.update-volume", str(1 << 32))


def check_resumption(report: Report, node: RealNode) -> None:
    with report.check("a session goes on with its first secret after its keys were replaced"):
        mine = Identity()
        first = dial(node.address, node.uuid, mine)
        first.ping()
        first.update_keys()
        time.sleep(1)  # until the session is written down
        first.connection.close()
        second = dial(node.address, node.uuid, mine, resumption=first.resumption())
        expect(second.receive() == Resumed(1, 1), "accepted, epoch 1")
        second.update_keys()
        second.ping()
        second.close()


def check_faults(report: Report, node: RealNode) -> None:
    request = sound_request()
    zero, unreduced = request._replace(agreement=bytes(32)), b"\xff\xff\xff" + request.encapsulation[3:]
    wrong = {
        "a request for this epoch": [request._replace(epoch=0)],
        "a request for the epoch after the next": [request._replace(epoch=2)],
        "a request with an X25519 key whose results are zero": [zero],
        "a request with an ML-KEM key that is not reduced": [request._replace(encapsulation=unreduced)],
        "a request with a short ML-KEM key": [request._replace(encapsulation=request.encapsulation[:-1])],
        "a request with the other ML-KEM's key": [request._replace(encapsulation=bytes(1568))],
        "a second request in one update": [request, request],
        "a reply that nobody waits for": [KeyReply(1, request.agreement, bytes(1088))],
        "a switch that nobody waits for": [KeySwitch(1)],
        "a message behind a switch": [request, KeySwitch(1), Ping(1)],
    }
    for name, sent in wrong.items():
        with report.check(f"{name}: closed as protocol violation"):
            session = dial(node.address, node.uuid, Identity())
            session.ping()
            session.send(*sent)
            expect_close(session, messages.CLOSE_VIOLATION)
    with report.check("a key request in a session of version 1: closed as protocol violation"):
        session = dial(node.address, node.uuid, Identity(), versions=(1, 1))
        session.ping()
        session.send(request)
        expect_close(session, messages.CLOSE_VIOLATION)
    with report.check("two updates within a second: closed as limit exceeded"):
        session = dial(node.address, node.uuid, Identity())
        session.ping()
        session.update_keys()
        session.send(session.keys.request())
        expect_close(session, messages.CLOSE_LIMIT)
    with report.check("a record under the keys of the epoch before is refused without a word"):
        session = dial(node.address, node.uuid, Identity())
        session.ping()
        old = session.sealing
        session.update_keys()
        session.ping()
        session.connection.sendall(old.seal(encode(Ping(7)), padding=4))
        expect(is_refused(session.connection), "an answer")
    with report.check("a record under the keys of the next epoch before the switch is refused without a word"):
        session = dial(node.address, node.uuid, Identity())
        session.ping()
        session.send(session.keys.request())
        session.keys.took_reply(next_reply(session))
        session.connection.sendall(session.keys.sealing.seal(encode(Ping(7)), padding=4))
        expect(is_refused(session.connection), "an answer")
    with report.check("a switch with other keys behind it ends the connection"):
        session = dial(node.address, node.uuid, Identity())
        session.ping()
        session.send(request, KeySwitch(1))
        session.connection.sendall(RecordDirection(Suite(), bytes(32), FROM_INITIATOR, 1).seal(encode(Ping(7))))
        expect_end(session)


def check_lateness(report: Report, node: RealNode) -> None:
    node.set("keys.update-timeout", "10s")
    with report.check("an update that Python does not finish ends the session as idle after its time"):
        session = dial(node.address, node.uuid, Identity())
        session.ping()
        begin = time.monotonic()
        session.send(session.keys.request())
        session.keys.took_reply(next_reply(session))
        session.opening = session.keys.took_switch(KeySwitch(1))
        try:
            session.receive(patience=13)
        except Ended as ended:
            expect(ended.reason == messages.CLOSE_IDLE, f"reason {ended.reason}")
        expect(time.monotonic() - begin > 9, "ten seconds")
    node.set("keys.update-timeout", "4m")


def sound_request() -> KeyRequest:
    """For epoch 1; its keys are forgotten."""
    return KeyUpdate(Suite(), bytes(32), True, 2).request()


def next_request(session: Session) -> KeyRequest:
    """The next request of the node, not answered; other messages are left aside."""
    session.answers_requests = False
    request = session.receive_until(lambda message: isinstance(message, KeyRequest))
    session.answers_requests = True
    return request


def next_reply(session: Session) -> KeyReply:
    """The next reply of the node, not noted; what stands with it in its record is left aside."""
    while True:
        for message in messages.decode(session._receive_record()):
            if isinstance(message, KeyReply):
                return message


def expect_end(session: Session) -> None:
    """The connection ends, given plenty to read; what the node had said before is not looked at."""
    session.connection.settimeout(CLOSE_SECONDS)
    try:
        session.connection.sendall(FLOOD)
        while session.connection.recv(1 << 16):
            continue
    except (ConnectionResetError, BrokenPipeError):
        pass
