"""Sessions over TCP: dialling, answering, and talking in messages (article Sessions)."""

import secrets
import socket
import time
from uuid import UUID

from . import messages
from .flights import NotIntelligible, SharedSecret
from .handshake import (
    Established, Initiator, NoCommonSuite, Responder, Resumption, SeenSeeds, is_retry, read_flight,
)
from .identity import Certificate, Identity
from .keyupdate import KeyUpdate
from .messages import Close, Extenders, KeyReply, KeyRequest, KeySwitch, Message, Ping, Pong
from .noise import MUTUAL
from .records import FROM_INITIATOR, FROM_RESPONDER, RecordDirection
from .suites import Suite, Taken

PATIENCE = 10.0
HANDSHAKE_SECONDS = 10


class Ended(Exception):
    """The connection closed; `reason` is the close message's, if one came before."""

    def __init__(self, reason: int | None = None):
        super().__init__(f"closed with reason {reason}" if reason is not None else "closed without a word")
        self.reason = reason


def read_exactly(connection: socket.socket, byte_count: int) -> bytes:
    found = b""
    while len(found) < byte_count:
        try:
            part = connection.recv(byte_count - len(found))
        except (ConnectionResetError, BrokenPipeError):
            part = b""
        if not part:
            raise Ended
        found += part
    return found


class Session:
    """One session; messages come out of `receive` in order, pings and key updates are answered on the way."""

    def __init__(self, connection: socket.socket, established: Established):
        self.connection, self.established = connection, established
        suite, root = established.secrets.suite, established.secrets.root
        directions = [RecordDirection(suite, root, number) for number in (FROM_INITIATOR, FROM_RESPONDER)]
        self.sealing, self.opening = directions if established.is_initiator else reversed(directions)
        self.arrived = bytearray()
        self.waiting: list[Message] = []
        self.answers_pings, self.pings_answered = True, 0
        self.extenders: tuple[bytes, ...] | None = None
        self.keys = KeyUpdate(suite, root, established.is_initiator, established.version)
        self.answers_requests = True

    def send(self, *sent: Message) -> None:
        self.send_record(b"".join(map(messages.encode, sent)))

    def send_record(self, plaintext: bytes) -> None:
        self.connection.sendall(self.sealing.seal(plaintext))

    def receive(self, patience: float = PATIENCE) -> Message:
        """The next message but pings and lists of extenders, which are noted here."""
        while not self.waiting:
            self.connection.settimeout(patience)
            found = messages.decode(self._receive_record())
            self.waiting += [message for message in found if not self._note(message)]
        message = self.waiting.pop(0)
        if isinstance(message, Close):
            self.connection.close()
            raise Ended(message.reason)
        return message

    def _receive_record(self) -> bytes:
        """A record's plaintext. What came of a record stays when time runs out before its end."""
        self._await(2)
        masked = bytes(self.arrived[:2])
        count = self.opening.rest_count(masked)
        self._await(2 + count)
        rest = bytes(self.arrived[2 : 2 + count])
        del self.arrived[: 2 + count]
        return self.opening.open(masked, rest)

    def _await(self, byte_count: int) -> None:
        while len(self.arrived) < byte_count:
            try:
                part = self.connection.recv(1 << 16)
            except (ConnectionResetError, BrokenPipeError):
                part = b""
            if not part:
                raise Ended
            self.arrived += part

    def _note(self, message: Message) -> bool:
        match message:
            case Ping(number):
                if self.answers_pings:
                    self.send(Pong(number))
                    self.pings_answered += 1
            case Extenders(extenders):
                self.extenders = extenders
            case KeyRequest() if self.answers_requests:
                self.answer(message)
            case KeyReply():
                self._send_update(self.keys.took_reply(message))
            case KeySwitch():
                self.opening = self.keys.took_switch(message)
            case _:
                return False
        return True

    def receive_until(self, is_it, patience: float = PATIENCE) -> Message:
        """The next message that is one; others before it are left aside."""
        deadline = time.monotonic() + patience
        while True:
            message = self.receive(max(0.01, deadline - time.monotonic()))
            if is_it(message):
                return message

    def answer(self, request: KeyRequest) -> None:
        self._send_update(self.keys.took_request(request))

    def _send_update(self, sent: list[Message]) -> None:
        """A switch is the last message under the old keys."""
        if sent:
            self.send(*sent)
        if sent and isinstance(sent[-1], KeySwitch):
            self.sealing = self.keys.sent_switch()

    def update_keys(self) -> None:
        """Asks for fresh keys and waits until both directions have them."""
        epoch = self.keys.epoch
        self.send(self.keys.request())
        self.wait_for_epoch(epoch + 1)

    def wait_for_epoch(self, epoch: int, patience: float = PATIENCE) -> None:
        """Until both directions have the keys of that epoch, whoever asks; messages that come wait to be received."""
        deadline = time.monotonic() + patience
        while self.keys.epoch < epoch:
            self.connection.settimeout(max(0.01, deadline - time.monotonic()))
            found = messages.decode(self._receive_record())
            self.waiting += [message for message in found if not self._note(message)]

    def ping(self) -> None:
        """Asks for a pong and waits for it."""
        number = secrets.randbits(64)
        self.send(Ping(number))
        self.receive_until(lambda message: message == Pong(number))

    def close(self, reason: int = messages.CLOSE_DONE) -> None:
        try:
            self.send(Close(reason))
        except OSError:
            pass
        self.connection.close()

    def resumption(self) -> Resumption:
        """What to dial with to go on with this session once its connection is gone."""
        secrets_of_session = self.established.secrets
        return Resumption(secrets_of_session.session_id, secrets_of_session.resumption_secret)


def dial(
    address: tuple[str, int], node: UUID, identity: Identity, secret: SharedSecret | None = None,
    pattern: int = MUTUAL, suite: Suite | None = None, versions: tuple[int, int] = (1, 2),
    resumption: Resumption | None = None, certificate: Certificate | None = None, patience: float = PATIENCE,
    taken: Taken = Taken(),
) -> Session:
    """A session with a node. Whether a mutual one stands shows with the responder's first message."""
    connection = socket.create_connection(address, timeout=patience)
    try:
        side = Initiator(identity, node, secret, pattern, suite, versions, taken)
        connection.sendall(side.write_opening())
        read_until_answer(side, connection)
        if pattern == MUTUAL:
            connection.sendall(side.write_last(resumption, certificate))
        return Session(connection, side.established())
    except BaseException:
        connection.close()
        raise


def read_until_answer(side: Initiator, connection: socket.socket) -> None:
    """Opens anew where a retry comes first."""
    choices, message = read_flight(side, lambda count: read_exactly(connection, count))
    if is_retry(choices):
        connection.sendall(side.read_retry(choices, message))
        choices, message = read_flight(side, lambda count: read_exactly(connection, count))
    side.read_answer(choices, message)


class Node:
    """The responder: answers connections, one at a time, as one node with one worker."""

    def __init__(
        self, identity: Identity, secret: SharedSecret | None = None, versions: tuple[int, int] = (1, 2),
        taken: Taken = Taken(), effort: int = 0,
    ):
        self.identity, self.secret, self.versions, self.taken = identity, secret, versions, taken
        self.effort = effort  # bits of the puzzle that every opening is answered with; none by default
        self.seen = SeenSeeds()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()

    @property
    def card(self) -> str:
        return f"{self.identity.uuid}@{self.address[0]}:{self.address[1]}"

    def accept(self, patience: float = PATIENCE, change_answer=lambda flight: flight) -> Session:
        """The next session; the list of extenders is left to the caller, who must send one first.

        `change_answer` is given what goes to the initiator: the answer, and a retry before it.
        """
        self.listener.settimeout(patience)
        connection, _ = self.listener.accept()
        left_at = time.monotonic() + HANDSHAKE_SECONDS * (1 - secrets.randbelow(1 << 16) / (1 << 16) / 5)
        connection.settimeout(patience)
        try:
            return Session(connection, self._answer(connection, change_answer))
        except NotIntelligible:
            self._discard(connection, left_at)
            raise
        except BaseException:
            connection.close()
            raise

    def _answer(self, connection: socket.socket, change_answer) -> Established:
        side = Responder(
            self.identity, self.secret, versions=self.versions, taken=self.taken, effort=self.effort)

        def read(byte_count: int) -> bytes:
            return read_exactly(connection, byte_count)

        def read_opening() -> bytes:
            return read_flight(side, read, lambda seed, choices: side.read_opening_head(seed, choices, self.seen))[1]

        message = read_opening()
        if side.has_to_retry:
            connection.sendall(change_answer(side.write_retry()))
            if side.has_to_retry:
                raise NoCommonSuite("told the initiator so")
            message = read_opening()
        side.read_opening(message)
        connection.sendall(change_answer(side.write_answer()))
        if side.first.pattern != MUTUAL:
            return side.established_anonymous()
        return side.read_last(*read_flight(side, read))

    def _discard(self, connection: socket.socket, deadline: float) -> None:
        """Reads on until the handshake's time is over and says nothing."""
        try:
            while time.monotonic() < deadline:
                connection.settimeout(max(0.01, deadline - time.monotonic()))
                if not connection.recv(1 << 16):
                    break
        except OSError:
            pass
        connection.close()

    def close(self) -> None:
        self.listener.close()
