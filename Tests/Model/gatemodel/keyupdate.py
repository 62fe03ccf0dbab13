"""One side of a session from the handshake's root on: records, and new keys while they flow (article KeyUpdate)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .terms import (
    NOTHING, Term, agreement, ciphertext, decapsulation, derived, encapsulated, encapsulation_key, hashed, public_key,
    record, secret, term)

ROOT = secret("root 0")
"""What the handshake leaves: its model shows that both sides have it, and nobody else."""


@dataclass(frozen=True)
class UpdateRules:
    """All of them hold in the protocol; each can be left out."""

    mixes_agreement: bool = True
    mixes_encapsulation: bool = True
    mixes_old_root: bool = True
    mixes_transcript: bool = True
    mixes_asker: bool = True
    counts_records: bool = True
    """A record's number is its nonce."""
    responder_yields: bool = True
    """In a tie, the handshake's responder drops its own request and answers."""
    initiator_ignores: bool = True
    """In a tie, the handshake's initiator ignores the other's request."""
    wipes_receiving_key: bool = True
    """Whoever receives a switch opens nothing more with the old key."""
    wipes_root: bool = True
    has_key_per_direction: bool = True


class Sent(NamedTuple):
    """A message under a key's epoch, with its number in that epoch."""

    epoch: int
    counter: int
    message: Term


def message(kind: str, *parts) -> Term:
    return term("message", kind, *parts)


class End(NamedTuple):
    """One side at one moment."""

    rules: UpdateRules
    is_initiator: bool
    asks_left: int
    contents_left: int
    epoch: int = 0
    """In which both directions are, or were when the update began."""
    phase: str = "standing"
    roots: tuple[Term, ...] = (ROOT,)
    """Of all epochs, for the claims: the side itself has the newest only."""
    send_epoch: int = 0
    send_counter: int = 0
    receive_epoch: int = 0
    receive_counter: int = 0
    old_counter: int | None = None
    """Where the receiving key of the last epoch was kept: the next number under it."""
    has_won: bool = False
    request: Term | None = None
    sent: tuple[Sent, ...] = ()
    accepted: tuple[Sent, ...] = ()
    fault: str | None = None
    """What the other side did wrong, to this one's eyes."""

    # Keys

    def key(self, epoch: int, is_sending: bool) -> Term:
        direction = self.is_initiator == is_sending if self.rules.has_key_per_direction else True
        return derived("record", self.roots[epoch], direction, epoch)

    @property
    def sending_key(self) -> Term:
        return self.key(self.send_epoch, True)

    @property
    def receiving_key(self) -> Term:
        return self.key(self.receive_epoch, False)

    def _fresh(self, what: str, epoch: int) -> Term:
        return secret(f"{what} {epoch} of {self.name}")

    @property
    def name(self) -> str:
        return "initiator" if self.is_initiator else "responder"

    # Sending

    def wire(self, sent: Sent) -> Term:
        """A sent message as a record."""
        return record(self.key(sent.epoch, True), sent.counter if self.rules.counts_records else 0, sent.message)

    def _put(self, what: Term) -> End:
        put = self.sent + (Sent(self.send_epoch, self.send_counter, what),)
        return self._replace(sent=put, send_counter=self.send_counter + 1)

    def actions(self) -> list[tuple[str, End]]:
        """What the side can do by itself now, at any time."""
        if self.fault:
            return []
        found = []
        if self.contents_left:
            what = message("content", self._fresh("content", self.contents_left))
            found.append(("sends", self._put(what)._replace(contents_left=self.contents_left - 1)))
        if self.asks_left and self.phase == "standing":
            found.append(("asks", self._ask()))
        if self.phase == "switching" and self.send_epoch == self.epoch:
            after = self._put(message("switch", self.epoch + 1))
            found.append(("switches", after._replace(send_epoch=self.epoch + 1, send_counter=0)._finished()))
        return found

    def _ask(self) -> End:
        request = message(
            "request", self.epoch + 1, public_key(self._fresh("asked", self.epoch + 1)),
            encapsulation_key(self._fresh("asked ML-KEM", self.epoch + 1)))
        return self._replace(asks_left=self.asks_left - 1, phase="asking", request=request)._put(request)

    # Receiving

    def taking(self, each: Term) -> End | None:
        """What follows where a record comes; nothing where it does not open."""
        key, counter, content = each.args
        if self.fault:
            return None
        if key is self.receiving_key and counter == (self.receive_counter if self.rules.counts_records else 0):
            sent = Sent(self.receive_epoch, self.receive_counter, content)
            after = self._replace(receive_counter=self.receive_counter + 1, accepted=self.accepted + (sent,))
        elif self.old_counter is not None and key is self.key(self.receive_epoch - 1, False) and (
                counter == self.old_counter):
            sent = Sent(self.receive_epoch - 1, self.old_counter, content)
            after = self._replace(old_counter=self.old_counter + 1, accepted=self.accepted + (sent,))
        else:
            return None
        kind, *parts = content.args
        return after if kind == "content" else getattr(after, f"_took_{kind}")(content, *parts)

    def _violated(self, fault: str) -> End:
        return self._replace(fault=fault)

    def _took_request(self, request: Term, epoch: int, their_key: Term, their_kem: Term) -> End:
        if self.phase == "switching" or epoch != self.epoch + 1:
            return self._violated(f"a request for epoch {epoch} while {self.phase} in {self.epoch}")
        if self.phase == "asking":
            if self.is_initiator and self.rules.initiator_ignores:
                return self._violated("a second request") if self.has_won else self._replace(has_won=True)
            if not self.is_initiator and not self.rules.responder_yields:
                return self
        own, random = self._fresh("answered", epoch), self._fresh("randomness", epoch)
        reply = message("reply", epoch, public_key(own), ciphertext(their_kem, random))
        root = self._next(request, reply, agreement(own, their_key), encapsulated(their_kem, random), False)
        return self._replace(request=None, phase="switching", roots=self.roots + (root,))._put(reply)

    def _took_reply(self, reply: Term, epoch: int, their_key: Term, text: Term) -> End:
        if self.phase != "asking" or epoch != self.epoch + 1:
            return self._violated(f"a reply for epoch {epoch} while {self.phase} in {self.epoch}")
        agreed = agreement(self._fresh("asked", epoch), their_key)
        opened = decapsulation(self._fresh("asked ML-KEM", epoch), text)
        root = self._next(self.request, reply, agreed, opened, True)
        return self._replace(request=None, phase="switching", roots=self.roots + (root,))

    def _took_switch(self, _: Term, epoch: int) -> End:
        if self.phase != "switching" or epoch != self.epoch + 1 or self.receive_epoch != self.epoch:
            return self._violated(f"a switch to epoch {epoch} while {self.phase} in {self.epoch}")
        old = None if self.rules.wipes_receiving_key else self.receive_counter
        return self._replace(receive_epoch=epoch, receive_counter=0, old_counter=old)._finished()

    def _finished(self) -> End:
        if self.send_epoch == self.receive_epoch == self.epoch + 1:
            return self._replace(epoch=self.epoch + 1, phase="standing", has_won=False)
        return self

    def _next(self, request: Term, reply: Term, agreed: Term, opened: Term, asked: bool) -> Term:
        rules = self.rules
        return derived(
            "update", self.roots[-1] if rules.mixes_old_root else NOTHING,
            agreed if rules.mixes_agreement else NOTHING, opened if rules.mixes_encapsulation else NOTHING,
            self.epoch + 1, asked == self.is_initiator if rules.mixes_asker else NOTHING,
            hashed(request, reply) if rules.mixes_transcript else NOTHING)
