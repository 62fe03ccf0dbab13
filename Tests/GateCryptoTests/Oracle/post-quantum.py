#!/usr/bin/env python3
"""Writes post-quantum.json: what an identity and a worker with ML-DSA keys sign, made by code that is not ours.

From the article Handshake alone, with Ed25519 and ML-DSA-65 of the `cryptography` package (50 or newer, by OpenSSL).
Run it where that is installed:  python3 post-quantum.py > post-quantum.json
ML-DSA signatures are hedged, so each run gives others.
"""
import hashlib
import json
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

SEEDS = {"ed25519": b"\x01" * 32, "identity": b"\x02" * 32, "worker": b"\x03" * 32}
NOW = 1_800_000_000


def label(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("ascii")


signing = Ed25519PrivateKey.from_private_bytes(SEEDS["ed25519"])
identity = MLDSA65PrivateKey.from_seed_bytes(SEEDS["identity"])
worker = MLDSA65PrivateKey.from_seed_bytes(SEEDS["worker"])

bundle = b"\x02\x01" + signing.public_key().public_bytes_raw() + b"\x02" + identity.public_key().public_bytes_raw()


def signed(text: str, body: bytes) -> bytes:
    return body + signing.sign(label(text) + body) + identity.sign(label(text) + body)


certificate = signed(
    "QuantumGate worker certificate v1",
    b"\x02" + bundle + b"\x09" * 32 + worker.public_key().public_bytes_raw()
    + struct.pack(">QQQQ", 7, NOW - 600, NOW + 3600, 1))
record = signed(
    "QuantumGate node record v1",
    b"\x02" + bundle + b"\x01" + struct.pack(">QQ", 3, NOW + 3600) + b"\x01\x01\x01\x01"
    + b"\x01" + struct.pack(">HB", 7700, 11) + b"example.org")
handshake_hash = hashlib.sha256(b"a handshake").digest()

print(json.dumps({
    "bundle_hash": hashlib.sha256(b"QuantumGate node v1" + bundle).hexdigest(),
    "certificate": certificate.hex(),
    "record": record.hex(),
    "handshake_hash": handshake_hash.hex(),
    "responder_signature": worker.sign(label("QuantumGate post-quantum responder v1") + handshake_hash).hex(),
    "initiator_signature": worker.sign(label("QuantumGate post-quantum initiator v1") + handshake_hash).hex(),
}, indent=1))
