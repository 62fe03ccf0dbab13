"""Fresh keys within a standing session (article Key update)."""

import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from .messages import KeyReply, KeyRequest, KeySwitch, Message, encode
from .records import FROM_INITIATOR, FROM_RESPONDER, RecordDirection
from .suites import Refused, Suite, label

FIRST_VERSION = 2


def agreed(private: X25519PrivateKey, public: bytes) -> bytes:
    """The X25519 result; an all-zero one is refused."""
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Refused("X25519 key") from None


def next_root(suite: Suite, root: bytes, fresh: bytes, asker: int, request: KeyRequest, reply: KeyReply) -> bytes:
    transcript = suite.hash(encode(request) + encode(reply))
    context = suite.numbers + bytes([asker]) + struct.pack(">I", request.epoch) + transcript
    return suite.expand(suite.hmac(root, fresh), label("QuantumGate key update v1") + context, suite.hash_bytes)


class KeyUpdate:
    """One side's root, the epoch in which both directions are, and the update under way."""

    def __init__(self, suite: Suite, root: bytes, is_initiator: bool, version: int):
        self.suite, self.root, self.version = suite, root, version
        self.own, self.other = (
            (FROM_INITIATOR, FROM_RESPONDER) if is_initiator else (FROM_RESPONDER, FROM_INITIATOR))
        self.epoch = 0
        self.asked: tuple[KeyRequest, X25519PrivateKey, object] | None = None
        self.sealing: RecordDirection | None = None
        self.opening: RecordDirection | None = None
        self.has_won = False

    @property
    def is_switching(self) -> bool:
        return self.sealing is not None or self.opening is not None

    def request(self) -> KeyRequest:
        """Asks for the next epoch."""
        private, kem_private = X25519PrivateKey.generate(), self.suite.kem.private_key.generate()
        message = KeyRequest(
            self.epoch + 1, private.public_key().public_bytes_raw(), kem_private.public_key().public_bytes_raw())
        self.asked = message, private, kem_private
        return message

    def took_request(self, request: KeyRequest) -> list[Message]:
        """What is sent in answer."""
        self._check(request.epoch)
        if self.is_switching:
            raise Refused("a request while keys are switched")
        if self.asked and self.own == FROM_INITIATOR:
            if self.has_won:
                raise Refused("a second request of who lost the tie")
            self.has_won = True
            return []
        self.asked = None
        private = X25519PrivateKey.generate()
        shared = agreed(private, request.agreement)
        kem_secret, ciphertext = self.suite.kem.encapsulate(request.encapsulation)
        reply = KeyReply(request.epoch, private.public_key().public_bytes_raw(), ciphertext)
        self._replace_root(shared + kem_secret, self.other, request, reply)
        return [reply, KeySwitch(request.epoch)]

    def took_reply(self, reply: KeyReply) -> list[Message]:
        self._check(reply.epoch)
        if not self.asked:
            raise Refused("a reply that nobody waits for")
        (request, private, kem_private), self.asked = self.asked, None
        if len(reply.encapsulation) != self.suite.kem.ciphertext_bytes:
            raise Refused("ML-KEM ciphertext")
        fresh = agreed(private, reply.agreement) + kem_private.decapsulate(reply.encapsulation)
        self._replace_root(fresh, self.own, request, reply)
        return [KeySwitch(reply.epoch)]

    def took_switch(self, switch: KeySwitch) -> RecordDirection:
        """What opens the next record."""
        self._check(switch.epoch)
        if self.opening is None:
            raise Refused("a switch that nobody waits for")
        opening, self.opening = self.opening, None
        self._finish_if_switched()
        return opening

    def sent_switch(self) -> RecordDirection:
        """What seals the next record."""
        sealing, self.sealing = self.sealing, None
        self._finish_if_switched()
        return sealing

    def _check(self, epoch: int) -> None:
        if self.version < FIRST_VERSION or epoch != self.epoch + 1:
            raise Refused(f"a key update to epoch {epoch} of version {self.version}")

    def _replace_root(self, fresh: bytes, asker: int, request: KeyRequest, reply: KeyReply) -> None:
        self.root = next_root(self.suite, self.root, fresh, asker, request, reply)
        self.sealing = RecordDirection(self.suite, self.root, self.own, request.epoch)
        self.opening = RecordDirection(self.suite, self.root, self.other, request.epoch)

    def _finish_if_switched(self) -> None:
        if not self.is_switching:
            self.epoch += 1
            self.has_won = False
