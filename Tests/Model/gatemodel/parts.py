"""Who plays: nodes, their sides of handshakes, their keys, and what a flight's header says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .noise import Keys
from .rules import Rules
from .terms import Term, certificate, choices, identity_key, public_key, secret

NEWEST = (1, 2)


class Header(NamedTuple):
    """What a flight's header says. Minutes, lengths and padding are left out."""

    versions: tuple[int, int]
    kind: str
    pattern: str
    context: str
    suite: int
    offers: frozenset

    def choices(self, rules: Rules) -> Term:
        return choices(*self) if rules.binds_context else choices(*self._replace(context="any"))


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

    @property
    def identity(self) -> Term:
        return identity_key(self.identity_secret)

    @property
    def identity_secret(self) -> Term:
        return secret(f"identity of {self.name}")

    @property
    def static(self) -> Term:
        return secret(f"static of {self.name}" + (f", worker {self.worker}" if self.worker > 1 else ""))

    @property
    def certificate(self) -> Term:
        return certificate(self.identity, public_key(self.static), self.identity_secret)

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


def term_of(header: Header) -> Term:
    """As it stands in a flight, its context included."""
    return choices(*header)


def header_of(shown: Term) -> Header:
    return Header(*shown.args)
