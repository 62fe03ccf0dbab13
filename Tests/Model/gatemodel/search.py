"""Every state of some sides and the attacker between them, each once."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Callable, NamedTuple

from .attacker import IDENTITY, OWN, flights
from .handshake import Side, begin
from .knowledge import Knowledge, Powers
from .parts import Header, Part, header_of, uuid_of
from .rules import Rules
from .terms import Term


@dataclass(frozen=True)
class Later:
    """What the attacker gets at any moment after some side has completed."""

    terms: frozenset = frozenset()
    powers: Powers = Powers()


@dataclass(frozen=True)
class Scene:
    """Who plays, and what the attacker has."""

    parts: tuple[Part, ...]
    rules: Rules = Rules()
    powers: Powers = Powers()
    knows: frozenset = frozenset()
    """Beside its own keys."""
    later: Later | None = None
    openings: tuple[Header, ...] = ()
    """Headers of openings of its own making, beside those that it sees."""
    is_passive: bool = False
    """Each initiator's flights go to the responder behind it and back, unchanged; the attacker only listens."""
    has_identity: bool = True
    """Whether it has the dishonest node's identity key."""
    knows_nodes: bool = True
    """Whether the honest nodes' UUIDs are known."""

    @property
    def identities(self) -> tuple[Term, ...]:
        """The bundles of the honest nodes."""
        return tuple(dict.fromkeys(part.node.identity for part in self.parts))

    @property
    def uuids(self) -> tuple[Term, ...]:
        """What they are known by."""
        return tuple(uuid_of(each, self.rules) for each in self.identities)


class State(NamedTuple):
    sides: tuple[Side, ...]
    completed: frozenset | None = None
    """Who had completed when the attacker got what it gets later."""


Claim = Callable[[Scene, State, Knowledge], str | None]


@dataclass
class Outcome:
    states: int = 0
    seconds: float = 0
    """Of a processor."""
    attacks: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    """By claim: what is wrong, and how it came about. The shortest way there that was met first."""
    is_bounded: bool = False
    """Whether some state was left out."""
    completed: int = 0
    """The most sides that completed in one state."""


def explore(scene: Scene, claims: dict[str, Claim], states_max: int, stops_at_attack: bool) -> Outcome:
    """Breadth first, so that an attack that is found has no shorter one."""
    started = time.process_time()
    first = State(tuple(begin(part, scene.rules) for part in scene.parts))
    came: dict[State, tuple[State, tuple | None] | None] = {first: None}
    queue, outcome = deque([(first, _begin(scene))]), Outcome()
    while queue:
        state, before = queue.popleft()
        known = _known(scene, state, before)
        outcome.completed = max(outcome.completed, sum(side.is_complete for side in state.sides))
        for name, claim in claims.items():
            if name not in outcome.attacks:
                wrong = claim(scene, state, known)
                if wrong:
                    outcome.attacks[name] = wrong, _way(came, state)
        if outcome.attacks and (stops_at_attack or len(outcome.attacks) == len(claims)):
            break
        for after, step in _following(scene, state, known):
            if after not in came:
                if len(came) >= states_max:
                    outcome.is_bounded = True
                    break
                came[after] = state, step
                queue.append((after, known))
    outcome.states, outcome.seconds = len(came), time.process_time() - started
    return outcome


def _following(scene: Scene, state: State, known: Knowledge):
    for index, side in enumerate(state.sides):
        if side.phase == "complete" and side.part.is_initiator:
            # To read the first record changes nothing for anybody else: it is done as soon as it can be.
            for header, body, seed in _offered(scene, state, index, known):
                for after in side.taking(header, body, seed):
                    sides = state.sides[:index] + (after,) + state.sides[index + 1:]
                    yield State(sides, state.completed), (side, header, body)
                    return
    for index, side in enumerate(state.sides):
        if side.is_complete or _waits_for_twin(state, index):
            continue
        for header, body, seed in _offered(scene, state, index, known):
            if seed and _is_refused(scene.rules, state, side, seed):
                continue
            for after in side.taking(header, body, seed):
                sides = state.sides[:index] + (after,) + state.sides[index + 1:]
                yield State(sides, state.completed), (side, header, body)
    if scene.later and state.completed is None:
        completed = frozenset(index for index, side in enumerate(state.sides) if side.is_complete)
        if completed:
            yield State(state.sides, completed), None


def _waits_for_twin(state: State, index: int) -> bool:
    """Of two sides of one node in one role, nothing tells apart which begins: the first does."""
    side = state.sides[index]
    return side.phase == "opening" and not side.taken and not side.sent and any(
        each.phase == "opening" and not each.sent and each.part.node is side.part.node
        for each in state.sides[:index])


def _offered(scene: Scene, state: State, index: int, known: Knowledge):
    side = state.sides[index]
    if not scene.is_passive:
        return flights(side, known, scene.openings, scene.identities)
    other = state.sides[index ^ 1]
    honest = Knowledge(Powers(), frozenset(other.sent))
    if side.phase == "complete":
        return flights(side, honest, (), ())
    return [
        (header_of(each.args[2]), each.args[3:], each.args[1])
        for each in other.sent if each.op == "flight" and each.args[0] is side.expected_mask]


def _is_refused(rules: Rules, state: State, side: Side, seed: Term) -> bool:
    """A worker takes an opening once, one behind a retry, too."""
    remembers = rules.remembers_second_seeds if side.is_retried else rules.remembers_seeds
    return remembers and side.phase == "opening" and any(
        seed in each.taken for each in state.sides if each.part.node is side.part.node)


def _begin(scene: Scene) -> Knowledge:
    """What the attacker knows before anything is sent."""
    nodes = frozenset(scene.identities) if scene.knows_nodes else frozenset()
    identity = frozenset({IDENTITY}) if scene.has_identity else frozenset()
    return Knowledge(scene.powers, OWN | identity | scene.knows | nodes)


def _known(scene: Scene, state: State, before: Knowledge) -> Knowledge:
    """What it knows in a state: what it did in the one before, and what was sent on the way."""
    new = frozenset(each for side in state.sides for each in side.sent if each not in before.terms)
    known = before.learning(new) if new else before
    if state.completed is not None and not known.is_late:
        known = known.learning(scene.later.terms, scene.later.powers)
        known.is_late = True
    return known


def _way(came: dict, state: State) -> list[str]:
    steps = []
    while came[state] is not None:
        state, step = came[state]
        steps.append(_words(*step) if step else "the attacker gets what it gets later")
    return steps[::-1]


def _words(side: Side, header: Header | None, body: tuple[Term, ...]) -> str:
    if header is None:
        return f"{side.part.name} takes the first record"
    kind = "retry" if header.kind == "retry" else side.phase
    offers = "/".join(map(str, sorted(header.offers)))
    version = "-".join(map(str, dict.fromkeys(header.versions)))
    said = f"{kind} (version {version}, suite {header.suite} of {offers}, {header.context})"
    return f"{side.part.name} takes {said} {', '.join(map(_short, body))}".rstrip()


def _short(each: Term) -> str:
    """Enough of a term to follow a trace by."""
    if each.op == "secret":
        return each.args[0]
    if each.op in ("key", "kemkey", "verifying", "mldsa"):
        return f"{each.op}[{_short(each.args[0])}]"
    if each.op == "identity":
        return f"{each.op}[{' + '.join(_short(key.args[0]) for key in each.args)}]"
    if each.op == "ciphertext":
        return f"ciphertext[for {_short(each.args[0])}, {_short(each.args[1])}]"
    if each.op == "sealed":
        return f"sealed[{_short(each.args[3])}]"
    if each.op == "payload":
        return " and ".join(map(_short, each.args[1:]))
    if each.op == "signature":
        return f"signed by {_short(each.args[0])}"
    if each.op == "certificate":
        return f"certificate[{', '.join(map(_short, each.args))}]"
    return each.op
