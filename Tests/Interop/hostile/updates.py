"""Key updates that a peer gets wrong on purpose, where the node asks and where it answers."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from checks.answering import Asked
from checks.faults import expect_close
from checks.mutations import is_refused
from checks.nodes import RealNode
from checks.report import Report, expect
from checks.updating import next_reply, next_request, sound_request
from gatepeer.identity import Identity
from gatepeer.messages import (
    CLOSE_LIMIT, CLOSE_VIOLATION, KeyReply, KeySwitch, Ping, Pong, encode,
)
from gatepeer.session import Session, dial

from .watch import attack

U32 = (1 << 32) - 1
NOT_KEYS = {
    "0": bytes(32), "1": b"\1" + bytes(31), "p - 1": b"\xec" + b"\xff" * 30 + b"\x7f",
    "p": b"\xed" + b"\xff" * 30 + b"\x7f", "p + 1": b"\xee" + b"\xff" * 30 + b"\x7f",
    "of order 8": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "of order 8, the other": bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    "0 with the bit that counts nothing": bytes(31) + b"\x80",
}


def check(report: Report, node: RealNode) -> None:
    node.set("reputation.enabled", "false")
    with attack(report, node, "key updates that a peer asks for wrongly"):
        check_answerer(report, node)
    node.set("keys.update-minimum", "2s")
    node.set("keys.update-maximum", "2s")
    with attack(report, node, "key updates that a peer answers wrongly"):
        check_asker(report, node)
    node.set("keys.update-minimum", "5m")
    node.set("keys.update-maximum", "20m")


def standing(node: RealNode, **options) -> Session:
    session = dial(node.address, node.uuid, Identity(), **options)
    session.ping()
    return session


def check_answerer(report: Report, node: RealNode) -> None:
    sound = sound_request()
    wrong = {f"a request with the X25519 key {name}": [sound._replace(agreement=key)] for name, key in NOT_KEYS.items()}
    wrong |= {f"a request for epoch {epoch}": [sound._replace(epoch=epoch)] for epoch in (0, 2, 256, 1 << 24, U32)}
    wrong |= {f"a request with an ML-KEM key of {count} bytes": [sound._replace(encapsulation=bytes(count))]
              for count in (0, 1, 1183, 1185, 1568)}
    wrong |= {
        "a switch before the request": [KeySwitch(1), sound], "a switch to epoch 2": [sound, KeySwitch(2)],
        "a switch to this epoch": [sound, KeySwitch(0)], "a reply to one's own request": [
            sound, KeyReply(1, os.urandom(32), bytes(1088))],
        "a switch twice": [sound, KeySwitch(1), KeySwitch(1)],
    }
    with ThreadPoolExecutor(16) as pool:
        for name, sent in wrong.items():
            pool.submit(check_violation, report, node, name, sent)
    with report.check("a request before any other message is answered"):
        session = dial(node.address, node.uuid, Identity())
        session.update_keys()
        session.ping()
        session.close()
    with report.check("an asker that switches late is listened to under the old keys until then"):
        session = standing(node)
        session.send(session.keys.request())
        switched = session.keys.took_reply(next_reply(session))
        session.opening = session.keys.took_switch(KeySwitch(1))
        for number in range(50):
            session.send(Ping(number))
            session.receive_until(lambda message, number=number: message == Pong(number))
        session._send_update(switched)
        session.ping()
        session.close()
    with report.check("the switch said again under the new keys breaks the protocol"):
        session = standing(node)
        session.update_keys()
        session.send(KeySwitch(1))
        expect_close(session, CLOSE_VIOLATION)
    with report.check("a record of the old epoch said again after the switch is refused without a word"):
        session = standing(node)
        record = session.sealing.seal(encode(Ping(5)))
        session.connection.sendall(record)
        session.update_keys()
        session.ping()
        session.connection.sendall(record)
        expect(is_refused(session.connection), "an answer")
    with report.check("the request of another session, said by another peer, is a fresh request and no more"):
        other = standing(node)
        session = standing(node)
        session.send(other.keys.request())
        session.keys.epoch, session.keys.asked = 0, other.keys.asked
        session.wait_for_epoch(1)
        session.ping()
        session.close()


def check_violation(report: Report, node: RealNode, name: str, sent: list) -> None:
    with report.check(f"{name}: closed as protocol violation"):
        session = standing(node)
        session.send(*sent)
        expect_close(session, CLOSE_VIOLATION)


def check_asker(report: Report, node: RealNode) -> None:
    """The node, which was dialled, asks; Python answers."""
    reply = KeyReply(1, os.urandom(32), os.urandom(1088))
    wrong = {f"a reply with the X25519 key {name}": [reply._replace(agreement=key)] for name, key in NOT_KEYS.items()}
    wrong |= {f"a reply for epoch {epoch}": [reply._replace(epoch=epoch)] for epoch in (0, 2, U32)}
    wrong |= {f"a reply with a ciphertext of {count} bytes": [reply._replace(encapsulation=bytes(count))]
              for count in (0, 1, 1087, 1089, 1184, 1568)}
    wrong |= {
        "a switch without a reply": [KeySwitch(1)], "a reply twice": [reply, reply],
        "a reply, then a request": [reply, sound_request()], "a message behind the switch": [
            reply, KeySwitch(1), Ping(1)],
        "a switch to epoch 2 behind the reply": [reply, KeySwitch(2)],
        "a request of its own twice": [sound_request(), sound_request()],
        "a request of its own, then a reply": [sound_request(), reply],
    }
    with ThreadPoolExecutor(len(wrong) + 5) as pool:
        for name, sent in wrong.items():
            pool.submit(check_wrong_answer, report, node, name, sent)
        pool.submit(check_other_secret, report, node)
        pool.submit(check_two_epochs, report, node)
        pool.submit(check_late_switch, report, node)
        pool.submit(check_tie, report, node, 0, CLOSE_LIMIT)
        pool.submit(check_tie, report, node, 1.05, CLOSE_VIOLATION)


def check_wrong_answer(report: Report, node: RealNode, name: str, sent: list) -> None:
    with report.check(f"a node asked, and gets {name}: closed as protocol violation"):
        session = standing(node)
        next_request(session)
        session.send(*sent)
        expect_close(session, CLOSE_VIOLATION)


def check_other_secret(report: Report, node: RealNode) -> None:
    with report.check("a node asked, and the ciphertext is of no secret: what follows is refused without a word"):
        session = standing(node)
        request = next_request(session)
        reply, switch = session.keys.took_request(request)
        session.send(reply._replace(encapsulation=os.urandom(1088)), switch)
        session.sealing = session.keys.sent_switch()
        session.send(Ping(9))
        expect_silence(session)


def check_two_epochs(report: Report, node: RealNode) -> None:
    with report.check("a node asked, was answered, and then reads no record of the old epoch"):
        session = standing(node)
        old = session.sealing
        session.answer(next_request(session))
        session.wait_for_epoch(1)
        session.connection.sendall(old.seal(encode(Ping(9))))
        expect_silence(session)


def check_late_switch(report: Report, node: RealNode) -> None:
    with report.check("a node asked; the answerer talks on between its reply and its switch"):
        session = standing(node)
        request = next_request(session)
        reply, switch = session.keys.took_request(request)
        session.send(reply)
        for number in range(20):
            session.send(Ping(number))
        session._send_update([switch])
        session.wait_for_epoch(1)
        session.ping()
        session.close()


def expect_silence(session: Session) -> None:
    """No pong and no close; the connection ends, given plenty to read."""
    session.connection.settimeout(15)
    try:
        session.connection.sendall(bytes(1 << 17))
        while True:
            plaintext = session._receive_record()
            expect(plaintext[:1] not in (b"\2", b"\3"), "a word")
    except TimeoutError:
        raise AssertionError("left open") from None
    except AssertionError:
        raise
    except Exception:
        return


def check_tie(report: Report, node: RealNode, pause: float, reason: int) -> None:
    """The node dialled, so its request counts: Python's own is ignored once."""
    with report.check(f"a node that dialled and asked ignores one request; a second one {pause} s later closes"):
        with Asked(node) as asked:
            session = asked.accept()
            next_request(session)
            session.send(sound_request())
            session.ping()
            time.sleep(pause)
            session.send(sound_request())
            expect_close(session, reason)
