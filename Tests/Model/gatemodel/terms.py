"""Messages as terms. Two terms are equal where they are the same object: each is made once.

Primitives are perfect: a term gives up nothing but what `knowledge.py` says. The one equation is that X25519 commutes,
kept by a normal form (`agreement`); ML-KEM's is in `decapsulation`.
"""

from __future__ import annotations

from typing import NamedTuple


class Term:
    """An operator and its arguments: terms, or plain values that everybody knows."""

    __slots__ = ("op", "args", "number")

    def __init__(self, op: str, args: tuple, number: int):
        self.op, self.args, self.number = op, args, number

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(str, self.args))})" if self.args else self.op


_made: dict[tuple, Term] = {}


def term(op: str, *args) -> Term:
    found = _made.get((op, args))
    if found is None:
        found = _made[op, args] = Term(op, args, len(_made))
    return found


# Atoms

def secret(name: str) -> Term:
    """A fresh value that only its maker knows."""
    return term("secret", name)


def public(name: str) -> Term:
    """A value that everybody knows."""
    return term("public", name)


NOTHING = public("nothing")


# X25519 and ML-KEM

def public_key(private: Term) -> Term:
    return term("key", private)


def agreement(private: Term, other: Term) -> Term:
    """The X25519 result: the same from either side. Every public key has a private one: small orders are refused."""
    (their,) = other.args
    first, second = sorted((private, their), key=lambda each: each.number)
    return term("agreement", first, second)


def encapsulation_key(private: Term) -> Term:
    return term("kemkey", private)


def ciphertext(key: Term, randomness: Term) -> Term:
    return term("ciphertext", key, randomness)


def encapsulated(key: Term, randomness: Term) -> Term:
    """The shared secret; bound to the key, as ML-KEM hashes it in."""
    return term("encapsulated", key, randomness)


def decapsulation(private: Term, text: Term) -> Term:
    """The shared secret of a ciphertext; of one for another key a value that depends on both (implicit rejection)."""
    key, randomness = text.args
    if key is encapsulation_key(private):
        return encapsulated(key, randomness)
    return term("rejected", private, text)


# Hashes, keys, ciphers, signatures

def hashed(*parts) -> Term:
    return term("hash", *parts)


def derived(label: str, *parts) -> Term:
    """An output of HKDF."""
    return term("derived", label, *parts)


def sealed(key: Term, counter: int, associated: Term, plaintext: Term) -> Term:
    return term("sealed", key, counter, associated, plaintext)


def record(key: Term, counter: int, plaintext) -> Term:
    return term("record", key, counter, plaintext)


def verifying_key(private: Term) -> Term:
    """Of Ed25519."""
    return term("verifying", private)


def mldsa_key(private: Term) -> Term:
    """The public half of an ML-DSA key."""
    return term("mldsa", private)


def bundle(*keys: Term) -> Term:
    """An identity's public keys: that of Ed25519, then perhaps that of ML-DSA. Stands for the UUID, too, which is a
    hash of it."""
    return term("identity", *keys)


def identity_key(private: Term, post_quantum: Term | None = None) -> Term:
    """The bundle of private keys."""
    keys = (verifying_key(private),)
    return bundle(*keys, mldsa_key(post_quantum)) if post_quantum else bundle(*keys)


def signature(signer: Term, *signed: Term) -> Term:
    return term("signature", signer, *signed)


def certificate(identity: Term, static: Term, worker: Term | None, *signatures: Term) -> Term:
    """Names a bundle, a static key and, in version 2, a worker's ML-DSA key; a signature for each key of the bundle
    that the version knows.

    Times, worker ids and features are left out.
    """
    return term("certificate", identity, static, *((worker,) if worker else ()), *signatures)


class Shown(NamedTuple):
    """What a certificate says."""

    identity: Term
    static: Term
    worker: Term | None
    signatures: tuple[Term, ...]


def shown_by(certificate: Term) -> Shown:
    identity, static, *others = certificate.args
    if others[0].op == "mldsa":
        return Shown(identity, static, others[0], tuple(others[1:]))
    return Shown(identity, static, None, tuple(others))


# Flights

def challenge(name: str) -> Term:
    """Of a puzzle: drawn, and shown to whoever reads the retry."""
    return term("challenge", name)


def solution(asked: Term) -> Term:
    """Of a challenge's puzzle; whoever has the challenge finds it."""
    return derived("solution", asked)


def choices(
    versions: tuple, kind: str, pattern: str, context: str, suite: int, offers: frozenset, puzzle: Term | None
) -> Term:
    """A header's first 14 bytes, and what is bound behind them. One number stands for the three classes of a suite."""
    return term("choices", versions, kind, pattern, context, suite, offers, puzzle)


def payload(spoken: Term, shown: Term, *signatures: Term) -> Term:
    """Choices, certificate and, with one of version 2, the ML-DSA signature of the handshake."""
    return term("payload", spoken, shown, *signatures)


def flight(mask: Term, seed: Term, header: Term, body: tuple) -> Term:
    return term("flight", mask, seed, header, *body)
