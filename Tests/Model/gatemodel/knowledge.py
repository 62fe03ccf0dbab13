"""What the attacker knows and can build: a Dolev-Yao deduction over the terms that it has seen."""

from __future__ import annotations

from dataclasses import dataclass

from .terms import Term, ciphertext, encapsulation_key, public_key, verifying_key

# What is built from parts, and nothing else, by whoever knows all of them.
_BUILT = frozenset({
    "key", "kemkey", "verifying", "mldsa", "identity", "ciphertext", "encapsulated", "rejected", "hash", "derived",
    "sealed", "record", "certificate", "signature", "choices", "payload", "flight", "message",
})
# What gives its parts to whoever has it.
_OPEN = frozenset({"identity", "certificate", "payload", "message", "choices"})


@dataclass(frozen=True)
class Powers:
    """What the attacker can do beside being the network."""

    breaks_agreement: bool = False
    """Computes X25519 private keys from public ones."""
    breaks_encapsulation: bool = False
    """Computes ML-KEM private keys from encapsulation keys."""
    breaks_signatures: bool = False
    """Computes Ed25519 private keys from public ones."""
    breaks_suite: int | None = None
    """Computes every key that is derived under this suite."""


class Knowledge:
    """A set of terms, closed under taking apart. Never changes: `learning` gives another one."""

    __slots__ = ("powers", "terms", "closed", "is_late", "_derivable", "_of_kind", "_sealed")

    def __init__(self, powers: Powers, learnt: frozenset = frozenset(), before: Knowledge | None = None):
        self.powers = powers
        self.terms: set[Term] = set(before.terms) if before else set()
        self.closed: set[Term] = set(before.closed) if before else set()
        """What could not be opened yet."""
        self.is_late = before is not None and before.is_late
        """Whether it holds what the attacker gets later."""
        self._derivable: dict[Term, bool] = {}
        self._of_kind: dict[str, list[Term]] = {}
        self._sealed: dict[tuple, list[Term]] | None = None
        if before:
            self._derivable = {each: True for each, known in before._derivable.items() if known}
        self._learn(list(learnt))

    def learning(self, learnt, powers: Powers | None = None) -> Knowledge:
        return Knowledge(powers or self.powers, learnt, self)

    def of_kind(self, op: str) -> list[Term]:
        """The known terms of one operator, oldest first."""
        found = self._of_kind.get(op)
        if found is None:
            found = sorted((each for each in self.terms if each.op == op), key=lambda each: each.number)
            self._of_kind[op] = found
        return found

    def sealed_at(self, key: Term, counter: int, associated: Term) -> list[Term]:
        """The known ciphertexts that open at that moment."""
        if self._sealed is None:
            self._sealed = {}
            for each in self.of_kind("sealed"):
                self._sealed.setdefault(each.args[:3], []).append(each)
        return self._sealed.get((key, counter, associated), [])

    # Taking apart

    def _learn(self, waiting: list[Term]) -> None:
        while True:
            while waiting:
                self._take_apart(waiting.pop(), waiting)
            self._derivable = {each: True for each, known in self._derivable.items() if known}
            for each in [each for each in self.closed if self._opens(each)]:
                self.closed.discard(each)
                waiting += _content(each)
            if not waiting:
                return

    def _take_apart(self, new: Term, waiting: list[Term]) -> None:
        if new in self.terms:
            return
        self.terms.add(new)
        if new.op in _OPEN:
            waiting += [part for part in new.args if isinstance(part, Term)]
        elif new.op in ("sealed", "record", "flight"):
            self.closed.add(new)

    def _opens(self, shut: Term) -> bool:
        return self.derives(shut.args[0])

    # Building

    def derives(self, wanted) -> bool:
        """Whether the attacker has the term or can build it."""
        if not isinstance(wanted, Term) or wanted in self.terms or wanted.op == "public":
            return True
        known = self._derivable.get(wanted)
        if known is None:
            known = self._derivable[wanted] = self._builds(wanted)
        return known

    def _builds(self, wanted: Term) -> bool:
        if wanted.op == "secret":
            return self._breaks(wanted)
        if wanted.op == "agreement":
            first, second = wanted.args
            return (self.derives(first) and self._has_key(second)) or (self.derives(second) and self._has_key(first))
        if wanted.op == "encapsulated" and self._decapsulates(wanted):
            return True
        if wanted.op == "derived" and self.powers.breaks_suite is not None:
            if _suite_of(wanted) == self.powers.breaks_suite:
                return True
        return wanted.op in _BUILT and all(self.derives(part) for part in wanted.args)

    def _has_key(self, private: Term) -> bool:
        return public_key(private) in self.terms or self.derives(private)

    def _breaks(self, private: Term) -> bool:
        if self.powers.breaks_agreement and public_key(private) in self.terms:
            return True
        if self.powers.breaks_signatures and verifying_key(private) in self.terms:
            return True
        return self.powers.breaks_encapsulation and encapsulation_key(private) in self.terms

    def _decapsulates(self, wanted: Term) -> bool:
        key, randomness = wanted.args
        return ciphertext(key, randomness) in self.terms and self.derives(key.args[0])


def _content(opened: Term) -> list[Term]:
    parts = opened.args[1:] if opened.op == "flight" else opened.args[-1:]
    return [part for part in parts if isinstance(part, Term)]


def _suite_of(key: Term):
    """The suite of the handshake that a key comes of: the innermost chaining key is the protocol's name."""
    while isinstance(key, Term) and key.op == "derived" and len(key.args) > 1:
        key = key.args[1]
    return key.args[1] if isinstance(key, Term) and key.op == "hash" and key.args[0] == "protocol" else None
