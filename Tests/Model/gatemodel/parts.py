"""Who plays: nodes, their sides of handshakes, their keys, and what a flight's header says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .noise import Keys
from .rules import Rules
from .terms import (
    NOTHING, Term, bundle, certificate, choices, identity_key, mldsa_key, public, public_key, secret, signature)

NEWEST = (1, 2)


class Header(NamedTuple):
    """What a flight's header says. Minutes, lengths and padding are left out."""

    versions: tuple[int, int]
    kind: str
    pattern: str
    context: str
    suite: int
    offers: frozenset
    puzzle: Term | None = None
    """In a retry the challenge, in the opening behind it the solution; in the article both are in the body."""

    def choices(self, rules: Rules) -> Term:
        bound = self if rules.binds_context else self._replace(context="any")
        return choices(*(bound if rules.binds_puzzle else bound._replace(puzzle=None)))


@dataclass(frozen=True)
class Node:
    """A worker of an honest node: what it has and takes."""

    name: str
    worker: int = 1
    suites: tuple[int, ...] = (1, 2)
    """The favourite first."""
    versions: tuple[int, int] = NEWEST
    contexts: tuple[str, ...] = ("peer",)
    admits_anonymous: bool = False
    network: Term | None = None
    """The network's shared secret."""
    has_post_quantum: bool = False
    """Whether its identity has an ML-DSA key, too."""
    has_puzzles: bool = False
    """Whether it asks each dialler to solve a puzzle, and solves those of others."""

    @property
    def identity(self) -> Term:
        return identity_key(*self._signers)

    @property
    def _signers(self) -> tuple[Term, ...]:
        post_quantum = (secret(f"ML-DSA identity of {self.name}"),) if self.has_post_quantum else ()
        return (self.identity_secret,) + post_quantum

    @property
    def identity_secret(self) -> Term:
        return secret(f"identity of {self.name}")

    @property
    def static(self) -> Term:
        return secret(f"static of {self._worker}")

    @property
    def signing(self) -> Term | None:
        """The worker's ML-DSA key."""
        return secret(f"ML-DSA key of {self._worker}") if self.has_post_quantum else None

    @property
    def _worker(self) -> str:
        return self.name + (f", worker {self.worker}" if self.worker > 1 else "")

    def certificate(self, rules: Rules) -> Term:
        named = self.identity, public_key(self.static), mldsa_key(self.signing) if self.signing else None
        return certificate(*named, *certificate_signatures(*named, rules))

    @property
    def offers(self) -> frozenset:
        return frozenset(self.suites)


@dataclass(frozen=True)
class Part:
    """Who plays which side: an initiator dials `dialled`, a responder has none but itself."""

    number: int
    node: Node
    dialled: Term | None = None
    pattern: str = "mutual"
    context: str = "peer"

    @property
    def is_initiator(self) -> bool:
        return self.dialled is not None

    @property
    def name(self) -> str:
        return f"{'initiator' if self.is_initiator else 'responder'} {self.number} ({self.node.name})"


def keys_of(part: Part, attempt: int, rules: Rules) -> Keys:
    """Fresh for each side and, after a retry, anew."""
    own = f"{part.name}, attempt {attempt + 1}" if rules.draws_fresh_keys else part.node.name
    static = part.node.static if not part.is_initiator or part.pattern == "mutual" else None
    return Keys(static, secret(f"ephemeral of {own}"), secret(f"ML-KEM key of {own}"), secret(f"randomness of {own}"))


def uuid_of(identity: Term, rules: Rules) -> Term:
    """What a node is known by; a bundle stands for its UUID."""
    return identity if rules.uuid_covers_post_quantum else bundle(identity.args[0])


def certificate_signatures(identity: Term, static: Term, worker: Term | None, rules: Rules) -> tuple[Term, ...]:
    """Those that have to be under a certificate: of every key of the bundle; in version 1 it has the first only."""
    signed = (identity, static) + ((worker,) if worker and rules.covers_worker_key else ())
    keys = identity.args if worker else identity.args[:1]
    return tuple(signature(key.args[0], *signed) for key in keys)


def handshake_signature(signer: Term, is_by_initiator: bool, hash: Term, rules: Rules) -> Term:
    role = public("initiator" if is_by_initiator else "responder") if rules.signs_role else NOTHING
    return signature(signer, role, hash if rules.signs_hash else NOTHING)


def term_of(header: Header) -> Term:
    """As it stands in a flight, its context included."""
    return choices(*header)


def header_of(shown: Term) -> Header:
    return Header(*shown.args)
