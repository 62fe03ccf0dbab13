#!/usr/bin/env python3
"""Writes hybrid-transcripts.json: handshakes with hfs and psk0, made by code that is not ours.

The engine is dissononce 0.34 (Noise revision 34) with X25519, AES-GCM and ML-KEM of the `cryptography` package
(48 or newer). Only the two hfs tokens stand here, as the hfs extension defines them:

  e1     EncryptAndHash(KEM public key)
  ekem1  EncryptAndHash(KEM ciphertext), MixKey(KEM shared secret)

Run it where both packages are installed:  python3 transcripts.py > hybrid-transcripts.json
Keys are derived from their names; ciphertexts of the KEM are random, so each run gives other transcripts.
"""
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import mlkem
from dissononce.cipher.aesgcm import AESGCMCipher
from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.private import PrivateKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.hash.blake2b import Blake2bHash
from dissononce.hash.sha256 import SHA256Hash
from dissononce.hash.sha512 import SHA512Hash
from dissononce.processing.handshakepatterns.handshakepattern import HandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState

KEMS = {"MLKEM768": mlkem.MLKEM768PrivateKey, "MLKEM1024": mlkem.MLKEM1024PrivateKey}
PUBLIC = {"MLKEM768": mlkem.MLKEM768PublicKey, "MLKEM1024": mlkem.MLKEM1024PublicKey}
PUBLIC_SIZE = {"MLKEM768": 1184, "MLKEM1024": 1568}
CIPHERTEXT_SIZE = {"MLKEM768": 1088, "MLKEM1024": 1568}
CIPHERS = {"AESGCM": AESGCMCipher, "ChaChaPoly": ChaChaPolyCipher}
HASHES = {"SHA256": SHA256Hash, "SHA512": SHA512Hash, "BLAKE2b": Blake2bHash}
XX = (("e", "e1"), ("e", "ee", "ekem1", "s", "es"), ("s", "se"))
NX = (("e", "e1"), ("e", "ee", "ekem1", "s", "es"))


def with_psk0(messages):
    return (("psk",) + messages[0],) + messages[1:]


PATTERNS = {
    "XXhfs": XX,
    "NXhfs": NX,
    "XXhfs+psk0": with_psk0(XX),
    "NXhfs+psk0": with_psk0(NX),
}


def derived(name, size=32):
    return hashlib.shake_256(name.encode()).digest(size)


class FixedDH(X25519DH):
    """Gives one ephemeral key pair, derived from a name."""

    def __init__(self, secret):
        super().__init__()
        self.secret = secret

    def generate_keypair(self, privatekey=None):
        return super().generate_keypair(PrivateKey(self.secret))


class Hybrid(HandshakeState):
    """A handshake whose messages are cut at the hfs tokens; everything else is the library's."""

    def __init__(self, symmetric, dh, kem, seed):
        super().__init__(symmetric, dh)
        self.kem, self.seed = kem, seed
        self.secret = self.ciphertext = None

    def _derive_protocol_name(self, pattern):
        return "Noise_%s_25519+%s_%s_%s" % (
            pattern, self.kem, self._symmetricstate.ciphername, self._symmetricstate.hashname)

    def write_message(self, payload, out):
        pattern = self._message_patterns.pop(0)
        for token in pattern:
            if token == "e1":
                self.key = KEMS[self.kem].from_seed_bytes(self.seed)
                out.extend(self._symmetricstate.encrypt_and_hash(self.key.public_key().public_bytes_raw()))
            elif token == "ekem1":
                self.secret, self.ciphertext = self.peer.encapsulate()
                assert len(self.ciphertext) == CIPHERTEXT_SIZE[self.kem]
                out.extend(self._symmetricstate.encrypt_and_hash(self.ciphertext))
                self._symmetricstate.mix_key(self.secret)
            else:
                self._one(HandshakeState.write_message, token, b"", out)
        out.extend(self._symmetricstate.encrypt_and_hash(payload))
        return None if self._message_patterns else self._symmetricstate.split()

    def read_message(self, message, out):
        pattern = self._message_patterns.pop(0)
        tag = lambda: 16 if self._symmetricstate.cipherstate_has_key() else 0
        for token in pattern:
            size = {
                "e": 32, "s": 32 + tag(), "e1": PUBLIC_SIZE[self.kem] + tag(),
                "ekem1": CIPHERTEXT_SIZE[self.kem] + tag(),
            }.get(token, 0)
            part, message = message[:size], message[size:]
            if token == "e1":
                raw = self._symmetricstate.decrypt_and_hash(part)
                self.peer = PUBLIC[self.kem].from_public_bytes(raw)
            elif token == "ekem1":
                ciphertext = self._symmetricstate.decrypt_and_hash(part)
                self._symmetricstate.mix_key(self.key.decapsulate(ciphertext))
            else:
                self._one(HandshakeState.read_message, token, part, bytearray())
        out.extend(self._symmetricstate.decrypt_and_hash(message))
        return None if self._message_patterns else self._symmetricstate.split()

    def _one(self, method, token, data, out):
        """Lets the library run a single token: its payload step and its split are put aside."""
        symmetric, rest = self._symmetricstate, self._message_patterns
        self._message_patterns = [(token,), ("never",)]
        self._symmetricstate = Quiet(symmetric, token)
        try:
            method(self, data, out)
        finally:
            self._symmetricstate, self._message_patterns = symmetric, rest


class Quiet:
    """The symmetric state without the encryption of the empty payload that ends a message."""

    def __init__(self, symmetric, token):
        self.symmetric, self.left = symmetric, 1 if token == "s" else 0

    def __getattr__(self, name):
        return getattr(self.symmetric, name)

    def encrypt_and_hash(self, data):
        if self.left == 0:
            return b""
        self.left -= 1
        return self.symmetric.encrypt_and_hash(data)

    def decrypt_and_hash(self, data):
        if self.left == 0:
            return b""
        self.left -= 1
        return self.symmetric.decrypt_and_hash(data)


def transcript(pattern, kem, cipher, hash_name):
    dh = X25519DH()
    side = lambda role: Hybrid(
        SymmetricState(CipherState(CIPHERS[cipher]()), HASHES[hash_name]()), FixedDH(derived(role + " ephemeral")),
        kem, derived(role + " kem seed", 64))
    initiator, responder = side("initiator"), side("responder")
    key = lambda role: dh.generate_keypair(PrivateKey(derived(role + " static")))
    psks = [derived("shared secret")] if "psk" in pattern else None
    shape = HandshakePattern(name=pattern, message_patterns=PATTERNS[pattern])
    prologue = b"QuantumGate oracle"
    is_mutual = pattern.startswith("XX")
    initiator.initialize(shape, True, prologue, s=key("initiator") if is_mutual else None, psks=psks)
    responder.initialize(shape, False, prologue, s=key("responder"), psks=psks)
    messages, ciphers, sides = [], None, (initiator, responder)
    for index in range(len(PATTERNS[pattern])):
        payload = ("payload %d" % index).encode()
        out, received = bytearray(), bytearray()
        ciphers = sides[index % 2].write_message(payload, out)
        other = sides[1 - index % 2].read_message(bytes(out), received)
        assert bytes(received) == payload
        messages.append((payload, bytes(out)))
    assert initiator.symmetricstate.get_handshake_hash() == responder.symmetricstate.get_handshake_hash()
    for index in range(len(messages), len(messages) + 4):
        payload = ("transport %d" % index).encode()
        sealed = ciphers[index % 2].encrypt_with_ad(b"", payload)
        assert other[index % 2].decrypt_with_ad(b"", sealed) == payload
        messages.append((payload, sealed))
    result = {
        "protocol_name": initiator.protocol_name,
        "init_prologue": prologue.hex(),
        "resp_prologue": prologue.hex(),
        "init_ephemeral": derived("initiator ephemeral").hex(),
        "resp_ephemeral": derived("responder ephemeral").hex(),
        "resp_static": derived("responder static").hex(),
        "init_kem_seed": derived("initiator kem seed", 64).hex(),
        "resp_kem_secret": responder.secret.hex(),
        "resp_kem_ciphertext": responder.ciphertext.hex(),
        "handshake_hash": initiator.symmetricstate.get_handshake_hash().hex(),
        "messages": [{"payload": p.hex(), "ciphertext": c.hex()} for p, c in messages],
    }
    if is_mutual:
        result["init_static"] = derived("initiator static").hex()
    if psks:
        result["init_psks"] = result["resp_psks"] = [p.hex() for p in psks]
    return result


CHOSEN = [(pattern, "MLKEM768", "AESGCM", "SHA256") for pattern in PATTERNS] + [
    ("XXhfs", "MLKEM768", "ChaChaPoly", "SHA512"),
    ("XXhfs", "MLKEM768", "AESGCM", "BLAKE2b"),
    ("XXhfs", "MLKEM1024", "AESGCM", "SHA512"),
    ("NXhfs", "MLKEM1024", "ChaChaPoly", "BLAKE2b"),
    ("XXhfs+psk0", "MLKEM1024", "ChaChaPoly", "SHA256"),
    ("NXhfs+psk0", "MLKEM1024", "AESGCM", "BLAKE2b"),
]
print(json.dumps({"vectors": [transcript(*choice) for choice in CHOSEN]}, indent=1))
