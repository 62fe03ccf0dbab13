"""The node as initiator: each byte of an answer, of a retry and of the first record that come back to it, changed."""

import socket
from concurrent.futures import ThreadPoolExecutor

from checks.nodes import RealNode, socks_request
from checks.report import Report, eventually, expect
from gatepeer import socks5
from gatepeer.flights import HEAD_BYTES, RETRY, Choices, Mask
from gatepeer.handshake import Responder, SeenSeeds, read_flight
from gatepeer.identity import Identity
from gatepeer.messages import Extenders, encode
from gatepeer.noise import MUTUAL
from gatepeer.session import Session, read_exactly
from gatepeer.suites import Suite, Taken

from .changes import Change, cuts, doublings, flips, omissions
from .watch import ESTABLISHED, UNFINISHED, attack

QUIET_SECONDS = 0.25
PEERS = 128
ANSWER = HEAD_BYTES + 32 + 1088 + 16 + 32 + 16 + 14 + 163 + 16 + 16
RETRY_BYTES = HEAD_BYTES + 1280 + 16
RECORD = 2 + 1 + 2 + 16 + 16


class Peer:
    """One node that the real one knows, and that answers as it is told."""

    def __init__(self, node: RealNode):
        self.node, self.identity = node, Identity()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)

    @property
    def card(self) -> str:
        return f"{self.identity.uuid}@127.0.0.1:{self.listener.getsockname()[1]}"

    def is_refused(self, change: Change, kind: str) -> bool:
        """Whether the node, which dials because a client asked it to, says nothing to a change of that kind."""
        user = f"hops=0,node={self.identity.uuid}"
        with socks_request(self.node.socks, user, "hostile.example", 80) as client:
            connection, _ = self.listener.accept()
            with connection:
                connection.settimeout(10)
                is_refused = self._answer(connection, change, kind)
            if kind != "record":
                client.recv(10)  # until the node has given up: another request would share this dial's end
            return is_refused

    def _answer(self, connection: socket.socket, change: Change, kind: str) -> bool:
        side = Responder(self.identity, taken=Taken(kems=(2,)) if kind == "retry" else Taken())

        def read(byte_count: int) -> bytes:
            return read_exactly(connection, byte_count)

        _, message = read_flight(side, read, lambda seed, choices: side.read_opening_head(seed, choices, SeenSeeds()))
        if kind == "retry":
            connection.sendall(change(side.write_retry()))
            return is_silent(connection)
        side.read_opening(message)
        answer = side.write_answer()
        if kind == "answer":
            connection.sendall(change(answer))
            return is_silent(connection)
        connection.sendall(answer)
        session = Session(connection, side.read_last(*read_flight(side, read)))
        connection.sendall(change(session.sealing.seal(encode(Extenders((socks5.EXTENDER,))), padding=0)))
        return is_silent(connection)


def is_silent(connection: socket.socket) -> bool:
    """Whether nothing comes, in a time in which a flight or a stream would have."""
    connection.settimeout(QUIET_SECONDS)
    try:
        return connection.recv(1) == b""
    except OSError:
        return True


def check(report: Report, node: RealNode) -> None:
    peers = [Peer(node) for _ in range(PEERS)]
    node.command("peers", "add", "--dir", str(node.folder), *(peer.card for peer in peers))
    with attack(report, node, "changed flights of a responder"):
        for kind, byte_count in {"answer": ANSWER, "retry": RETRY_BYTES}.items():
            with report.check(f"a node that dials goes on at an unchanged {kind}"):
                expect(not peers[0].is_refused(lambda data: data, kind), "it goes on")
            kinds = {
                "all 8 bits of its head flipped, one of each byte behind":
                    flips(HEAD_BYTES, 8) + flips(byte_count)[HEAD_BYTES:],
                "a byte left out or doubled": omissions(byte_count, 11) + doublings(byte_count, 11),
                "cut off": cuts(byte_count, 9),
            }
            for name, changes in kinds.items():
                check_refused(report, node, f"{kind}: {name}", peers, kind, changes)
        check_retries(report, peers)
        check_refused(report, node, "first record: a bit of each byte flipped", peers, "record", flips(RECORD))
        with report.check("a node that dials goes on at an unchanged first record"):
            expect(not peers[-1].is_refused(lambda data: data, "record"), "it goes on")
    for peer in peers:
        peer.listener.close()


# Retries sealed as they should be. The node offers everything and begins with 1, 1, 1; ML-KEM-768 is not taken here.
SOUND = {"lowest_version": 2, "highest_version": 2, "pattern": MUTUAL, "suite": Suite(2, 1, 1), "minute": 0,
         "offers": b"\4\6\x0e", "kind": RETRY, "context": 1}
PUZZLE = b"\1" + bytes(32)
PUZZLED = {
    "and the suite begun with": {"suite": Suite(), "offers": b"\6\6\x0e"}, "and another suite": {},
}
RETRIES = {
    "of a version not offered": {"lowest_version": 3, "highest_version": 3},
    "of two versions": {"lowest_version": 1}, "of the other pattern": {"pattern": 2},
    "of the context of hops": {"context": 2}, "of the suite begun with": {"suite": Suite()},
    "whose offers hold the suite begun with": {"offers": b"\6\6\x0e"},
    "whose offers do not hold its suite": {"offers": b"\4\4\x0e"},
    "of a suite that nobody knows": {"suite": Suite(7, 1, 1), "offers": b"\x80\6\x0e"},
    "of half a suite": {"suite": Suite(0, 1, 1)}, "of a suite above 7": {"suite": Suite(255, 255, 255)},
    "of no suite": {"suite": Suite(0, 0, 0), "offers": b"\0\0\0"},
    "of no suite, untruly": {"suite": Suite(0, 0, 0)}, "of kind 3": {"kind": 3},
    "with a puzzle of no effort": {"puzzle": bytes(33)}, "with a puzzle of 21 bits": {"puzzle": b"\x15" + PUZZLE[1:]},
    "with a puzzle of 255 bits": {"puzzle": b"\xff" + PUZZLE[1:]}, "with a puzzle cut off": {"puzzle": PUZZLE[:-1]},
    "with a puzzle a byte longer": {"puzzle": PUZZLE + b"\0"},
    "with a puzzle and no suite": {"suite": Suite(0, 0, 0), "puzzle": PUZZLE},
    "with a puzzle and a suite outside its offers": {"suite": Suite(), "puzzle": PUZZLE},
    "with a puzzle, whose offers hold the suite begun with": {"offers": b"\6\6\x0e", "puzzle": PUZZLE},
}


def check_retries(report: Report, peers: list[Peer]) -> None:
    def made(peer: Peer, puzzle: bytes = b"", **fields) -> Change:
        choices = Choices(**{**SOUND, **fields}).encode()
        return lambda _: Mask(peer.identity.uuid, None).seal(2, choices, puzzle, 1_300)

    def check_one(peer: Peer, name: str, fields: dict) -> None:
        with report.check(f"a retry {name}: the node says nothing more"):
            expect(peer.is_refused(made(peer, **fields), "retry"), "it does")

    with report.check("a node that dials goes on at a retry that is made here, of whatever minute"):
        expect(not peers[0].is_refused(made(peers[0]), "retry"), "it goes on")
    for name, fields in PUZZLED.items():
        with report.check(f"a node that dials goes on at a retry that is made here, with a puzzle {name}"):
            expect(not peers[0].is_refused(made(peers[0], PUZZLE, **fields), "retry"), "it goes on")
    with ThreadPoolExecutor(len(RETRIES)) as pool:
        for peer, (name, fields) in zip(peers[1:], RETRIES.items()):
            pool.submit(check_one, peer, name, fields)


def check_refused(
    report: Report, node: RealNode, name: str, peers: list[Peer], kind: str, changes: list[Change]
) -> None:
    with report.check(f"{name}, {len(changes)} dials: the node says nothing more"):
        established = node.metric(ESTABLISHED)

        def run(peer: Peer, own: list[Change]) -> list[bool]:
            return [peer.is_refused(change, kind) for change in own]

        with ThreadPoolExecutor(PEERS) as pool:
            shares = [changes[index::PEERS] for index in range(PEERS)]
            results = [result for share in pool.map(run, peers, shares) for result in share]
        expect(len(results) == len(changes) and all(results), f"{results.count(False)} of {len(results)} were taken")
        if kind != "record":
            expect(eventually(lambda: node.metric(UNFINISHED) == 0, 12), "handshakes that wait")
            expect(node.metric(ESTABLISHED) == established, "sessions")
