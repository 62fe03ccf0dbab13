"""Both ends of a session and the attacker between them: every state, and what is claimed of each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

from .attacker import CONTENT, KEM, KEY, RANDOMNESS
from .keyupdate import ROOT, End, UpdateRules, message
from .knowledge import Knowledge, Powers
from .search import Outcome
from .terms import Term, ciphertext, derived, encapsulation_key, public_key, record

_OWN = frozenset({KEY, KEM, RANDOMNESS, CONTENT, public_key(KEY), encapsulation_key(KEM)})


@dataclass(frozen=True)
class Line:
    """A session, and what the attacker has."""

    rules: UpdateRules = UpdateRules()
    powers: Powers = Powers()
    asks: tuple[int, int] = (1, 1)
    """How often initiator and responder ask at most."""
    contents: tuple[int, int] = (1, 1)
    leaks: str | None = None
    """What comes out once, at any moment, of either side: a `root`, the `sending` or `receiving` key, or `both` keys;
    or `resumption`, the resumption secret, from the start."""
    forges: bool = False
    """Whether the attacker makes records under keys that it has, or listens, drops, repeats and moves only."""
    forged_max: int = 3


class Leak(NamedTuple):
    of_initiator: bool
    epoch: int
    terms: frozenset


class Moment(NamedTuple):
    initiator: End
    responder: End
    leak: Leak | None = None
    forged: int = 0

    def end(self, is_initiator: bool) -> End:
        return self.initiator if is_initiator else self.responder

    def with_end(self, end: End) -> Moment:
        return self._replace(initiator=end) if end.is_initiator else self._replace(responder=end)


def explore_updates(line: Line, claims: dict, states_max: int, stops_at_attack: bool) -> Outcome:
    started = time.process_time()
    first = Moment(
        End(line.rules, True, line.asks[0], line.contents[0]), End(line.rules, False, line.asks[1], line.contents[1]))
    came: dict[Moment, tuple[Moment, str] | None] = {first: None}
    queue, outcome, knowledge = [first], Outcome(), _Knowledges(line)
    for moment in queue:
        known = knowledge.at(moment)
        following = list(_following(line, moment, known))
        moves = [after for after, step in following if step[0] != "leak"]
        outcome.completed = max(outcome.completed, min(moment.initiator.epoch, moment.responder.epoch))
        for name, claim in claims.items():
            if name not in outcome.attacks:
                wrong = claim(line, moment, known, not moves)
                if wrong:
                    outcome.attacks[name] = wrong, _way(came, moment)
        if outcome.attacks and (stops_at_attack or len(outcome.attacks) == len(claims)):
            break
        for after, step in following:
            if after not in came:
                if len(came) >= states_max:
                    outcome.is_bounded = True
                    break
                came[after] = moment, step
                queue.append(after)
    outcome.states, outcome.seconds = len(came), time.process_time() - started
    return outcome


def _following(line: Line, moment: Moment, known: Knowledge):
    for end in (moment.initiator, moment.responder):
        for verb, after in end.actions():
            yield moment.with_end(after), ("acts", end, verb)
        if end.fault:
            continue
        for each, is_forged in _records(line, moment, end, known):
            after = end.taking(each)
            if after is not None:
                yield moment.with_end(after)._replace(forged=moment.forged + is_forged), ("takes", end, each)
    if line.leaks and moment.leak is None and line.leaks != "resumption":
        for end in (moment.initiator, moment.responder):
            leak = _leak(line, end)
            yield moment._replace(leak=leak), ("leak", end, leak)


def _leak(line: Line, end: End) -> Leak:
    keys = {"sending": (end.sending_key,), "receiving": (end.receiving_key,)}
    keys["both"] = keys["sending"] + keys["receiving"]
    if line.leaks == "root":
        roots = end.roots[-1:] if end.rules.wipes_root else end.roots
        return Leak(end.is_initiator, len(end.roots) - 1, frozenset(roots))
    epoch = end.receive_epoch if line.leaks == "receiving" else end.send_epoch
    return Leak(end.is_initiator, epoch, frozenset(keys[line.leaks]))


def _records(line: Line, moment: Moment, end: End, known: Knowledge):
    """Those on the way or repeated, whoever sent them; then those that the attacker makes."""
    for other in (moment.initiator, moment.responder):
        for sent in other.sent:
            yield other.wire(sent), False
    if not line.forges or moment.forged >= line.forged_max:
        return
    keys = [(end.receiving_key, end.receive_counter)]
    if end.old_counter is not None:
        keys.append((end.key(end.receive_epoch - 1, False), end.old_counter))
    for key, counter in keys:
        if known.derives(key):
            for made in _messages(end, known):
                yield record(key, counter if line.rules.counts_records else 0, made), True


def _messages(end: End, known: Knowledge):
    """What a side in its phase would not refuse."""
    yield message("content", CONTENT)
    epoch = end.epoch + 1
    if end.phase == "switching":
        yield message("switch", epoch)
        return
    for public in known.of_kind("key"):
        for kem in known.of_kind("kemkey"):
            yield message("request", epoch, public, kem)
        if end.phase == "asking":
            texts = list(known.of_kind("ciphertext"))
            made = ciphertext(end.request.args[3], RANDOMNESS)
            for text in texts + [made] * (made not in texts and known.derives(made)):
                yield message("reply", epoch, public, text)


class _Knowledges:
    def __init__(self, line: Line):
        resumption = {derived("resumption", ROOT)} if line.leaks == "resumption" else set()
        self.begin = Knowledge(line.powers, _OWN | resumption)
        self.found: dict = {}

    def at(self, moment: Moment) -> Knowledge:
        ends = (moment.initiator, moment.responder)
        wires = frozenset(end.wire(sent) for end in ends for sent in end.sent)
        if moment.leak:
            wires |= moment.leak.terms
        found = self.found.get(wires)
        if found is None:
            found = self.found[wires] = self.begin.learning(wires)
        return found


# Claims

def taken_as_sent(line: Line, moment: Moment, known: Knowledge, is_last: bool) -> str | None:
    """What a side takes is what the other sent: each once, in order, under the epoch in which it was sent. Where a key
    has leaked, of all other epochs and directions."""
    for end in (moment.initiator, moment.responder):
        other = moment.end(not end.is_initiator)
        position = 0
        for taken in end.accepted:
            if _is_leaked(line, moment, end, taken.epoch):
                continue
            places = [index for index in range(position, len(other.sent)) if other.sent[index] == taken]
            if not places:
                return f"the {end.name} took {taken.message} of epoch {taken.epoch}, which was not sent so"
            position = places[0] + 1
        if not line.forges and end.accepted != other.sent[:len(end.accepted)]:
            return f"the {end.name} did not take what was sent, in order"
    return None


def _is_leaked(line: Line, moment: Moment, receiver: End, epoch: int) -> bool:
    """Whether records of an epoch to that side may be anybody's."""
    return line.forges and moment.leak is not None and _is_open(line, moment.leak, receiver, epoch, False)


def _is_open(line: Line, leak: Leak, end: End, epoch: int, is_sending: bool) -> bool:
    """Whether what leaked is the key of that epoch and direction, or its root."""
    return epoch == leak.epoch if line.leaks == "root" else end.key(epoch, is_sending) in leak.terms


def superseded_is_refused(line: Line, moment: Moment, known: Knowledge, is_last: bool) -> str | None:
    """Nothing is taken under an epoch that its direction has ended."""
    for end in (moment.initiator, moment.responder):
        begun = 0
        for taken in end.accepted:
            if taken.epoch < begun:
                return f"the {end.name} took a record of epoch {taken.epoch}, which was over"
            begun = taken.epoch + (taken.message.args[0] == "switch")
    return None


def epochs_agree(line: Line, moment: Moment, known: Knowledge, is_last: bool) -> str | None:
    """Both have the same root of each epoch, the one asker in it, in ties too."""
    for index, (first, second) in enumerate(zip(moment.initiator.roots, moment.responder.roots)):
        if first is not second:
            return f"two roots of epoch {index}"
    return None


def nobody_is_at_fault(line: Line, moment: Moment, known: Knowledge, is_last: bool) -> str | None:
    """No honest side is taken for one that broke the protocol."""
    for end in (moment.initiator, moment.responder):
        if end.fault:
            return f"the {end.name} was sent {end.fault}"
    return None


def updates_finish(line: Line, moment: Moment, known: Knowledge, is_last: bool) -> str | None:
    """Once everything that was sent has arrived, both stand in one epoch, with nothing under way."""
    ends = (moment.initiator, moment.responder)
    if is_last and not any(end.fault for end in ends) and (
            any(end.phase != "standing" for end in ends) or ends[0].epoch != ends[1].epoch):
        return f"the sides stay {ends[0].phase} in {ends[0].epoch} and {ends[1].phase} in {ends[1].epoch}"
    return None


def other_epochs_stay_closed(line: Line, moment: Moment, known: Knowledge, is_last: bool) -> str | None:
    """Roots, keys and contents of every epoch and direction but those that leaked."""
    leak = moment.leak
    for end in (moment.initiator, moment.responder):
        for epoch, root in enumerate(end.roots):
            if not (leak and line.leaks == "root" and epoch == leak.epoch) and known.derives(root):
                return f"the attacker has the {end.name}'s root of epoch {epoch}"
        for sent in end.sent:
            is_open = leak and _is_open(line, leak, end, sent.epoch, True)
            if sent.message.args[0] == "content" and not is_open and known.derives(sent.message.args[1]):
                return f"the attacker reads the {end.name}'s content of epoch {sent.epoch}"
    return None


ALL = {
    "taken as sent": taken_as_sent,
    "superseded epochs are refused": superseded_is_refused,
    "epochs agree": epochs_agree,
    "nobody is at fault": nobody_is_at_fault,
    "updates finish": updates_finish,
    "other epochs stay closed": other_epochs_stay_closed,
}
WITH_FORGERY = {name: ALL[name] for name in (
    "taken as sent", "superseded epochs are refused", "other epochs stay closed")}


# Traces

def _way(came: dict, moment: Moment) -> list[str]:
    steps = []
    while came[moment] is not None:
        moment, step = came[moment]
        steps.append(_words(*step))
    return steps[::-1]


def _words(kind: str, end: End, what) -> str:
    if kind == "leak":
        return f"of the {end.name} leaks what is of epoch {what.epoch}"
    if kind == "acts":
        return f"the {end.name} {what}"
    _, counter, content = what.args
    return f"the {end.name} takes record {counter} of its epoch {end.receive_epoch}: {_short(content)}"


def _short(content: Term) -> str:
    kind, *parts = content.args
    return f"{kind} {' '.join(str(part) for part in parts if not isinstance(part, Term))}".strip()
