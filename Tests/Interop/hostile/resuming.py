"""Proofs of resumption that are wrong, stolen, shown twice, and what is said before they are answered."""

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from checks.answering import Asked
from checks.faults import expect_close
from checks.mutations import is_refused
from checks.nodes import RealNode
from checks.report import Report, expect
from gatepeer import socks5
from gatepeer.handshake import Initiator, Resumption
from gatepeer.identity import RESUMABLE, Identity
from gatepeer.messages import CLOSE_VIOLATION, Extenders, Ping, Resumed, StreamOpen, encode
from gatepeer.records import resumption_proof
from gatepeer.session import Ended, Session, dial, read_until_answer

from .changes import flips
from .watch import ESTABLISHED, FAILED, attack

PROOF = 48
WRITTEN_SECONDS = 1.0


def check(report: Report, node: RealNode) -> None:
    node.set("reputation.enabled", "false")
    with attack(report, node, "proofs of resumption"):
        check_lengths(report, node)
        mine, kept = broken(node)
        check_wrong(report, node, mine, kept)
        check_at_once(report, node, mine, kept)
        check_while_standing(report, node)
        check_early(report, node)
        check_of_node(report, node)


def broken(node: RealNode) -> tuple[Identity, Resumption]:
    """A session that was written down and whose connection broke."""
    mine = Identity()
    session = dial(node.address, node.uuid, mine)
    session.ping()
    time.sleep(WRITTEN_SECONDS)
    session.connection.close()
    return mine, session.resumption()


def show(node: RealNode, identity: Identity, proof, behind: list = ()) -> Session:
    """A session whose last flight has this proof: bytes, or what makes them of those that are right."""
    connection = socket.create_connection(node.address, timeout=10)
    side = Initiator(identity, node.uuid)
    connection.sendall(side.write_opening())
    read_until_answer(side, connection)
    choices = side._later_choices().encode()
    shown = proof(side.hash_after_answer) if callable(proof) else proof
    message = side.noise.write(choices + identity.certificate().encoded + shown)
    last = side._seal(choices, message)
    session = Session(connection, side.established())
    said = session.sealing.seal(b"".join(map(encode, behind))) if behind else b""
    connection.sendall(last + said)
    return session


def answer(session: Session) -> int:
    """What the node says of the proof; the connection then goes on as a session, whatever it said."""
    found = session.receive()
    expect(isinstance(found, Resumed), f"{found}")
    session.ping()
    session.close()
    return found.accepted


def check_lengths(report: Report, node: RealNode) -> None:
    for count in (1, 16, 47, 49, 96, 2000):
        with report.check(f"{count} bytes behind the certificate are no proof: refused without a word"):
            failed, established = node.metric(FAILED), node.metric(ESTABLISHED)
            expect(is_refused(show(node, Identity(), bytes(count)).connection), "a word")
            expect(node.metric(FAILED) == failed + 1 and node.metric(ESTABLISHED) == established, "the node's count")


def check_wrong(report: Report, node: RealNode, mine: Identity, kept: Resumption) -> None:
    def proof(hash_after_answer: bytes) -> bytes:
        return resumption_proof(kept.session_id, kept.secret, hash_after_answer)

    def changed(change):
        return lambda hash_after_answer: change(proof(hash_after_answer))

    with report.check(f"a proof with a byte flipped, each of {PROOF}: not accepted"):
        changes = flips(PROOF)
        with ThreadPoolExecutor(16) as pool:
            shown = pool.map(lambda change: answer(show(node, Identity(), changed(change))), changes)
            expect(list(shown) == [0] * PROOF, "none is")
        expect(answer(show(node, mine, changed(changes[0]))) == 0, "nor of who had the session")
        expect(answer(show(node, mine, changed(changes[-1]))) == 0, "nor of who had the session")
    stolen = [("of another node, with the right secret", Identity(), proof),
              ("for another handshake", mine, proof(os.urandom(32))),
              ("for a session that never was", mine, lambda handshake: resumption_proof(
                  os.urandom(16), kept.secret, handshake)),
              ("of zeros", mine, bytes(PROOF))]
    for name, identity, made in stolen:
        with report.check(f"a proof {name}: not accepted"):
            expect(answer(show(node, identity, made)) == 0, "it is")


def check_at_once(report: Report, node: RealNode, mine: Identity, kept: Resumption) -> None:
    def attempt(_) -> int | None:
        try:
            session = show(node, mine, lambda handshake: resumption_proof(kept.session_id, kept.secret, handshake))
            return session.receive().accepted
        except Ended:
            return None

    with report.check("a secret shown on 16 connections at once serves once, after all these"):
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(attempt, range(16)))
        expect(found.count(1) == 1, f"{found}")


def check_while_standing(report: Report, node: RealNode) -> None:
    with report.check("a session that goes on elsewhere while its connection stands: the older connection ends"):
        mine = Identity()
        older = dial(node.address, node.uuid, mine)
        older.ping()
        time.sleep(WRITTEN_SECONDS)
        newer = dial(node.address, node.uuid, mine, resumption=older.resumption())
        expect(newer.receive() == Resumed(1, 1), "accepted, epoch 1")
        newer.ping()
        try:
            older.ping()
            raise AssertionError("two connections for one session")
        except (Ended, BrokenPipeError):
            newer.ping()
        newer.close()


def check_early(report: Report, node: RealNode) -> None:
    def proof(kept: Resumption):
        return lambda handshake: resumption_proof(kept.session_id, kept.secret, handshake)

    opening = StreamOpen(1, 7, 1, socks5.EXTENDER, 2, 1 << 16)
    too_early = {"a stream": opening, "a list of extenders": Extenders(()), "an answer of its own": Resumed(1, 9)}

    def check_one(name: str, said) -> None:
        with report.check(f"{name} before the proof is answered: closed as protocol violation"):
            mine, kept = broken(node)
            expect_close(show(node, mine, proof(kept), [said]), CLOSE_VIOLATION)

    with ThreadPoolExecutor(len(too_early)) as pool:
        for name, said in too_early.items():
            pool.submit(check_one, name, said)
    with report.check("a ping and a key request before the proof is answered are answered"):
        mine, kept = broken(node)
        session = show(node, mine, proof(kept), [Ping(3)])
        session.send(session.keys.request())
        session.wait_for_epoch(1)
        found = session.receive_until(lambda message: isinstance(message, Resumed))
        expect(found == Resumed(1, 1), "accepted, epoch 1")
        session.ping()
        session.close()


WRONG_ANSWERS = {
    "an epoch that does not rise": [Resumed(1, 0)],
    "yes, said twice": [Resumed(1, 1), Resumed(1, 2)],
    "neither yes nor no": [Resumed(2, 1)],
    "a list of extenders first": [Extenders((socks5.EXTENDER,)), Resumed(1, 1)],
    "a stream first": [StreamOpen(2, 7, 1, socks5.EXTENDER, 2, 1 << 16), Resumed(1, 1)],
}


def check_of_node(report: Report, node: RealNode) -> None:
    """The node dialled, its connection broke, and it shows a proof; Python answers it."""
    with ThreadPoolExecutor(len(WRONG_ANSWERS) + 1) as pool:
        for name, said in WRONG_ANSWERS.items():
            pool.submit(check_wrong_answer, report, node, name, said)
        pool.submit(check_no, report, node)


def shown(asked: Asked) -> Session:
    """The connection on which the node shows a proof, after its first one broke."""
    make = asked.peer.identity.certificate
    asked.peer.identity.certificate = lambda: make(features=RESUMABLE)
    first = asked.accept()
    first.ping()
    first.connection.close()
    second = asked.peer.accept()
    expect(second.established.proof is not None, "a proof")
    return second


def check_wrong_answer(report: Report, node: RealNode, name: str, said: list) -> None:
    with report.check(f"a node shows a proof and is answered with {name}: closed as protocol violation"):
        with Asked(node) as asked:
            session = shown(asked)
            session.send(*said)
            expect_close(session, CLOSE_VIOLATION)


def check_no(report: Report, node: RealNode) -> None:
    with report.check("a node shows a proof and hears no: it says something over a session of its own"):
        with Asked(node) as asked:
            session = shown(asked)
            session.send(Resumed(0, 0), Extenders((socks5.EXTENDER,)))
            session.ping()
            session.close()
