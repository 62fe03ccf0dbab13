"""Nodes and Python peers with ML-DSA identities."""

import itertools
import os

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from gatepeer.handshake import Resumption
from gatepeer.identity import INITIATOR_LABEL, RESPONDER_LABEL, Certificate, Identity
from gatepeer.noise import ANONYMOUS, MUTUAL
from gatepeer.session import Ended, dial
from gatepeer.suites import Refused, Suite

from .answering import Asked, expect_session
from .dialling import expect_no_word
from .nodes import RealNode
from .report import Report, eventually, expect

SUITES = [Suite(), Suite(2, 2, 2), Suite(2, 1, 3)]


class Twisted(Identity):
    """A Python identity with ML-DSA that does one thing otherwise."""

    def __init__(self, sign=None, change=lambda encoded: encoded) -> None:
        super().__init__(is_post_quantum=True)
        self.sign, self.change = sign, change

    def sign_handshake(self, role_label: bytes, handshake_hash: bytes) -> bytes:
        return self.sign(self, role_label, handshake_hash) if self.sign else super().sign_handshake(
            role_label, handshake_hash)

    def certificate(self, *words, **named) -> Certificate:
        return Certificate(self.change(super().certificate(*words, **named).encoded))


def check_dialling(report: Report, signing: RealNode, plain: RealNode) -> None:
    for node, own in ((signing, True), (signing, False), (plain, True)):
        kind = f"{'an ML-DSA' if node is signing else 'a plain'} node as {'an ML-DSA' if own else 'a plain'} one"
        for pattern, suite in itertools.product((MUTUAL, ANONYMOUS), SUITES):
            word = "mutual" if pattern == MUTUAL else "anonymous"
            with report.check(f"dials {kind}: {word}, {suite.name}"):
                session = dial(node.address, node.uuid, Identity(own), None, pattern, suite)
                session.ping()
                expect(session.established.certificate.is_post_quantum == (node is signing), "the node's form")
                session.close()
    with report.check("goes on with a session of an ML-DSA node: a proof behind the signature"):
        identity = Identity(is_post_quantum=True)
        unknown = Resumption(os.urandom(16), os.urandom(32))
        session = dial(signing.address, signing.uuid, identity, resumption=unknown)
        session.ping()
        session.close()


def check_answering(report: Report, signing: RealNode, plain: RealNode) -> None:
    for node, own in ((signing, True), (signing, False), (plain, True)):
        kind = f"{'an ML-DSA' if node is signing else 'a plain'} node dials {'an ML-DSA' if own else 'a plain'} peer"
        with report.check(kind):
            with Asked(node, identity=Identity(own)) as asked:
                expect_session(asked, Suite(), took_retry=False)


def flipped(encoded: bytes, place: int) -> bytes:
    changed = bytearray(encoded)
    changed[place] ^= 1
    return bytes(changed)


def ed25519_alone(identity: Identity) -> bytes:
    """A certificate of the same Ed25519 key, in the form without ML-DSA."""
    plain = Identity()
    plain.signing, plain.static = identity.signing, identity.static
    plain.bundle = b"\x01\x01" + identity.signing.public_key().public_bytes_raw()
    return plain.certificate().encoded


SIGNATURES = {
    "no signature": lambda self, label, hash: b"",
    "a signature of another key": lambda self, label, hash: MLDSA65PrivateKey.generate().sign(label + hash),
    "a signature for the other role": lambda self, label, hash: self.worker_signing.sign(
        (RESPONDER_LABEL if label == INITIATOR_LABEL else INITIATOR_LABEL) + hash),
    "a signature of another handshake": lambda self, label, hash: self.worker_signing.sign(label + bytes(len(hash))),
    "a signature by the identity's key": lambda self, label, hash: self.other_signing.sign(label + hash),
    "a signature with its last bit flipped": lambda self, label, hash: flipped(
        self.worker_signing.sign(label + hash), -1),
    "half a signature": lambda self, label, hash: self.worker_signing.sign(label + hash)[:1600],
    "a byte behind the signature": lambda self, label, hash: self.worker_signing.sign(label + hash) + b"\0",
}
CERTIFICATES = {
    "a flipped bit in the Ed25519 signature": lambda encoded: flipped(encoded, -3310),
    "a flipped bit in the ML-DSA signature": lambda encoded: flipped(encoded, -1),
    "a flipped bit in the worker's key": lambda encoded: flipped(encoded, 2020),
    "zeros for the ML-DSA signature": lambda encoded: encoded[:-3309] + bytes(3309),
    "no ML-DSA signature": lambda encoded: encoded[:-3309],
    "version 1": lambda encoded: b"\x01" + encoded[1:],
    "version 3": lambda encoded: b"\x03" + encoded[1:],
}


def check_faults(report: Report, node: RealNode) -> None:
    twisted = {what: Twisted(sign=sign) for what, sign in SIGNATURES.items()}
    twisted |= {f"a certificate with {what}": Twisted(change=change) for what, change in CERTIFICATES.items()}
    for what, identity in twisted.items():
        with report.check(f"a node hears an initiator with {what} out without a word"):
            expect_no_word(dial(node.address, node.uuid, identity))
        with report.check(f"a node shows nothing of itself to a responder with {what}"):
            with Asked(node, identity=identity) as asked:
                try:
                    asked.accept()
                    raise AssertionError("a session")
                except (Ended, Refused, OSError):
                    pass
    with report.check("a responder that shows a certificate of its Ed25519 key alone is another node"):
        identity = Twisted(sign=lambda *_: b"")
        identity.change = lambda _: ed25519_alone(identity)
        with Asked(node, identity=identity) as asked:
            try:
                asked.accept()
                raise AssertionError("a session")
            except (Ended, Refused, OSError):
                pass
        expect(eventually(lambda: "certificate" in node.refusals()), "a refusal in status")
