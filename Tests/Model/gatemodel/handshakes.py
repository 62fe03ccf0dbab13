"""The cases of the handshake."""

from __future__ import annotations

from dataclasses import replace

from . import claims
from .attacker import DISHONEST as M
from .case import Case
from .claims import ALL
from .knowledge import Powers
from .parts import Header, Node, Part
from .rules import Rules
from .search import Later, Scene
from .terms import public_key, secret

NETWORK = secret("network's shared secret")
AGREEMENT, ENCAPSULATION = Powers(breaks_agreement=True), Powers(breaks_encapsulation=True)

A, B = Node("A"), Node("B")
B_NARROW = Node("B", suites=(2,))
A_SOLVES, B_ASKS = Node("A", has_puzzles=True), Node("B", has_puzzles=True)
B_ASKS_NARROW = Node("B", suites=(2,), has_puzzles=True)
B_OLD = Node("B", versions=(1, 1))
A_MEMBER, B_MEMBER = Node("A", network=NETWORK), Node("B", network=NETWORK)
B_OPEN = Node("B", admits_anonymous=True)
B_OTHER, B_OTHER_MEMBER = Node("B", worker=2), Node("B", worker=2, network=NETWORK)
B_NARROW_MEMBER = Node("B", suites=(2,), network=NETWORK)
B_NARROW_OTHER_MEMBER = Node("B", worker=2, suites=(2,), network=NETWORK)
WORKER_OF_A = frozenset({A.static, public_key(A.static)})
WORKER_OF_B = frozenset({B.static, public_key(B.static)})
KEYS = WORKER_OF_A | WORKER_OF_B | {A.identity_secret, B.identity_secret}

BOTH = frozenset({1, 2})


def header(**changed) -> Header:
    return Header((1, 2), "handshake", "mutual", "peer", 1, BOTH)._replace(**changed)


# Openings of the attacker's own making: an older version, another suite, fewer offers, each alone and together.
OLDER = header(versions=(1, 1), suite=2)
OPENINGS = (
    OLDER, header(suite=2), header(versions=(1, 1)), header(offers=frozenset({1})), header(pattern="anonymous"))
FEW = (OLDER,)


def dials(number: int, node: Node, dialled, **more) -> Part:
    return Part(number, node, dialled, **more)


def answers(number: int, node: Node) -> Part:
    return Part(number, node)


def pair(initiator: Node = A, responder: Node = B) -> tuple[Part, ...]:
    return dials(1, initiator, responder.identity), answers(1, responder)


def parallel(initiator: Node = A, responder: Node = B) -> tuple[Part, ...]:
    return pair(initiator, responder) + (dials(2, initiator, responder.identity), answers(2, responder))


def swapped(first: Node = A, second: Node = B) -> tuple[Part, ...]:
    return pair(first, second) + (dials(2, second, first.identity), answers(2, first))


def beside_dishonest(initiator: Node = A, responder: Node = B) -> tuple[Part, ...]:
    """A dials B and M; B answers twice."""
    return pair(initiator, responder) + (dials(2, initiator, M), answers(2, responder))


def three(initiator: Node = A, responder: Node = B) -> tuple[Part, ...]:
    return pair(initiator, responder) + (dials(2, initiator, responder.identity),)


def mixed() -> tuple[Part, ...]:
    """A dials B and M; B answers once."""
    return pair() + (dials(2, A, M),)


HIDDEN = {"initiators are hidden": claims.initiators_are_hidden}
ALL_HIDDEN = HIDDEN | {"responders are hidden": claims.responders_are_hidden}
SILENT = {"strangers get no answer": claims.strangers_get_no_answer}
IDENTIFIED = {"sessions need identities": claims.sessions_need_identities}
MASKED = {"masks stay closed": claims.masks_stay_closed}
PUZZLES = {"puzzles agree": claims.puzzles_agree, "answers are earned": claims.answers_are_earned}
CONTEXTS = {"contexts agree": claims.contexts_agree}
SECRET = {"secrecy": claims.secrecy}
ENDS = {
    "initiators' secrecy": claims.secrecy_of_initiators, "responders' secrecy": claims.secrecy_of_responders} | ALL


def some(*names: str) -> dict:
    return {name: (ENDS | ALL)[name] for name in names}


CROSSING = (
    dials(1, A, B.identity, context="end to end"), answers(1, B), answers(2, Node("B", contexts=("end to end",))))
CROSSED = (header(context="peer"), header(context="end to end"))
ANONYMOUS = (dials(1, A, B.identity, pattern="anonymous"), answers(1, B_OPEN), dials(2, A, B.identity))

HOLDING = [
    Case("two sessions in parallel", Scene(parallel(), openings=FEW), ALL | HIDDEN, completes=4),
    Case("two sessions, roles swapped", Scene(swapped(), openings=FEW), ALL, completes=4),
    Case("A dials B and the dishonest node", Scene(mixed(), openings=FEW), ALL, completes=3),
    Case(
        "A dials B and the dishonest node, B answers twice", Scene(beside_dishonest(), openings=FEW), ALL,
        completes=4, is_long=True),
    Case("two dials, one responder, more openings", Scene(three(), openings=OPENINGS), ALL | HIDDEN, completes=2),
    Case("retry", Scene(three(A, B_NARROW), openings=FEW), ALL | HIDDEN, completes=2),
    Case(
        "retry, two sessions in parallel", Scene(parallel(A, B_NARROW)), ALL | HIDDEN, completes=4, is_long=True),
    Case("puzzle", Scene(three(A_SOLVES, B_ASKS), openings=FEW), ALL | HIDDEN | PUZZLES, completes=2),
    Case(
        "puzzle and another suite", Scene(three(A_SOLVES, B_ASKS_NARROW), openings=FEW), ALL | HIDDEN | PUZZLES,
        completes=2),
    Case("an older responder", Scene(three(A, B_OLD), openings=FEW), ALL | HIDDEN, completes=2),
    Case("anonymous initiator beside a mutual one", Scene(ANONYMOUS, openings=OPENINGS), ALL, completes=2),
    Case(
        "two workers of the node dialled", Scene(three() + (answers(2, B_OTHER),)), ALL | HIDDEN, completes=4,
        is_long=True),
    Case(
        "retry, network secret, outsider who breaks X25519",
        Scene(parallel(A_MEMBER, B_NARROW_MEMBER), powers=AGREEMENT), ALL | ALL_HIDDEN | SILENT | MASKED, completes=4),
    Case("contexts", Scene(CROSSING, openings=CROSSED), ALL | CONTEXTS, completes=2),
    Case(
        "network secret, outsider", Scene(parallel(A_MEMBER, B_MEMBER), openings=FEW),
        ALL | ALL_HIDDEN | SILENT | MASKED, completes=4),
    Case(
        "network secret, outsider who breaks X25519",
        Scene(parallel(A_MEMBER, B_MEMBER), powers=AGREEMENT, openings=FEW),
        ALL | ALL_HIDDEN | SILENT | MASKED, completes=4),
    Case(
        "network secret, dishonest member",
        Scene(three(A_MEMBER, B_MEMBER), knows=frozenset({NETWORK}), openings=FEW), ALL | HIDDEN, completes=2),
    Case(
        "network secret known, no identity",
        Scene(three(A_MEMBER, B_MEMBER), knows=frozenset({NETWORK}), has_identity=False, openings=FEW),
        ALL | HIDDEN | IDENTIFIED, completes=2),
    Case("ML-KEM broken", Scene(three(), powers=ENCAPSULATION, openings=FEW), ALL | HIDDEN, completes=2),
    Case(
        "long-term keys and network secret leak later",
        Scene(pair(A_MEMBER, B_MEMBER), later=Later(KEYS | {NETWORK}), openings=FEW), SECRET, completes=2),
    Case("long-term keys leak later", Scene(pair(), later=Later(KEYS), openings=FEW), SECRET, completes=2),
    Case(
        "long-term keys leak later, the dishonest node dialled", Scene(mixed(), later=Later(KEYS)), SECRET,
        completes=2, is_long=True),
    Case(
        "ML-KEM broken, long-term keys leak later",
        Scene(pair(), powers=ENCAPSULATION, later=Later(KEYS, ENCAPSULATION), openings=FEW), SECRET, completes=2),
    Case(
        "X25519 is broken later, long-term keys leak",
        Scene(pair(), later=Later(KEYS, AGREEMENT), openings=FEW), SECRET, completes=2),
    Case(
        "X25519 is broken later, two dials, one responder", Scene(three(), later=Later(powers=AGREEMENT)), SECRET,
        completes=2),
    Case(
        "X25519 is broken later, the dishonest node dialled", Scene(mixed(), later=Later(powers=AGREEMENT)), SECRET,
        completes=2, is_long=True),
    Case(
        "X25519 broken, attacker only listens", Scene(parallel(), powers=AGREEMENT, is_passive=True),
        ALL | ALL_HIDDEN, completes=4),
    Case(
        "listener, ML-KEM broken", Scene(parallel(), powers=ENCAPSULATION, is_passive=True), ALL | ALL_HIDDEN,
        completes=4),
    Case(
        "attacker who knows no UUID", Scene(parallel(), openings=FEW, knows_nodes=False),
        ALL | ALL_HIDDEN | SILENT | MASKED, completes=4),
    Case(
        "A's worker key known: A is still sure of B", Scene(mixed(), knows=WORKER_OF_A, openings=FEW),
        some("responder is proven", "initiators' secrecy"), completes=2),
    Case(
        "B's worker key known: B is still sure of A", Scene(mixed(), knows=WORKER_OF_B, openings=FEW),
        some("initiator is proven", "responders' secrecy"), completes=2),
]

# What the articles do not promise: the attack has to be there, or the model does not see what it should.
LIMITS = [
    Case(
        "X25519 broken at the time of the handshake", Scene(pair(), powers=AGREEMENT), ALL,
        fails=("secrecy", "responder is proven", "initiator is proven")),
    Case(
        "B's worker key stolen", Scene(pair(), knows=WORKER_OF_B), ENDS,
        fails=("initiators' secrecy", "responder is proven")),
    Case(
        "A's worker key stolen", Scene(mixed(), knows=WORKER_OF_A), ENDS,
        fails=("responders' secrecy", "initiator is proven")),
    Case(
        "a suite that both take is broken", Scene(pair(), powers=Powers(breaks_suite=2)), ALL,
        fails=("no downgrade",)),
    Case(
        "any stranger who knows the UUID learns the certificate", Scene(pair(), openings=FEW), ALL_HIDDEN,
        fails=("responders are hidden",)),
    Case(
        "a recorded opening reaches another worker",
        Scene(pair(A_MEMBER, B_MEMBER) + (answers(2, B_OTHER_MEMBER),)), SILENT, fails=tuple(SILENT)),
    Case(
        "a recorded second opening reaches another worker",
        Scene(parallel(A_MEMBER, B_NARROW_MEMBER)[:3] + (answers(2, B_NARROW_OTHER_MEMBER),)), SILENT,
        fails=tuple(SILENT)),
    Case(
        "both phases broken", Scene(pair(), later=Later(powers=Powers(True, True))), SECRET, fails=("secrecy",)),
]


def without(rule: str, scene: Scene, all_claims: dict, *fails: str, also: tuple[str, ...] = ()) -> Case:
    changed = {each: False for each in (rule,) + also}
    words = rule.replace("_", " ") + "".join(f", {each.replace('_', ' ')}" for each in also)
    return Case(f"not: {words}", replace(scene, rules=Rules(**changed)), all_claims, fails=fails)


LATER_BROKEN = Scene(pair(), later=Later(KEYS, AGREEMENT))
BROKEN = [
    without("checks_signature", Scene(pair()), ALL, "responder is proven", "secrecy", "first record confirms"),
    without("checks_signature", Scene(pair(), has_identity=False), IDENTIFIED, *IDENTIFIED),
    without("checks_static_key", Scene(pair()), ALL, "responder is proven", "secrecy"),
    without("checks_node_dialled", Scene(pair()), ALL, "responder is proven"),
    without("judges_before_last", Scene(pair()), HIDDEN, "initiators are hidden"),
    without("mixes_es", Scene(pair()), ALL, "responder is proven", "secrecy"),
    without("mixes_se", Scene(mixed()), ALL, "initiator is proven", "secrecy"),
    without(
        "mixes_ee", Scene(pair(), powers=ENCAPSULATION, later=Later(KEYS, ENCAPSULATION)), SECRET, "secrecy"),
    without(
        "draws_fresh_keys", Scene(pair() + (answers(2, B),)), some("initiator is proven", "responder is proven"),
        "initiator is proven", "responder is proven"),
    without("mixes_ekem1", LATER_BROKEN, SECRET, "secrecy"),
    without("binds_prologue", Scene(pair(), openings=OPENINGS), ALL, "no downgrade"),
    without("binds_retry", Scene(pair()), ALL, "no downgrade"),
    without("binds_puzzle", Scene(pair(A_SOLVES, B_ASKS)), PUZZLES, "puzzles agree"),
    without("checks_solution", Scene(pair(A_SOLVES, B_ASKS), openings=FEW), PUZZLES, "answers are earned"),
    without("binds_transcript", Scene(pair(), openings=OPENINGS), ALL, "no downgrade", "responder is proven"),
    without("compares_choices", Scene(pair()), ALL, "responder is proven", "no downgrade"),
    without("binds_context", Scene(CROSSING, openings=CROSSED), ALL | CONTEXTS, "contexts agree"),
    without("masks_with_secret", Scene(parallel(A_MEMBER, B_MEMBER)), SILENT | MASKED, *(SILENT | MASKED)),
    without("remembers_seeds", Scene(parallel(A_MEMBER, B_MEMBER)), SILENT, *SILENT),
    without("remembers_second_seeds", Scene(parallel(A_MEMBER, B_NARROW_MEMBER)), SILENT, *SILENT),
    without(
        "mixes_psk", Scene(pair(A_MEMBER, B_MEMBER), powers=AGREEMENT), ALL, "responder is proven",
        also=("masks_with_secret",)),
]

# Rules that can be left out without an attack in this model. They are not there for nothing: see README.
UNNEEDED = [
    Case(
        "not: checks own node", Scene(swapped()[:3], rules=Rules(checks_own_node=False), openings=FEW), ALL,
        completes=2),
    Case(
        "not: mixes psk", Scene(pair(A_MEMBER, B_MEMBER), rules=Rules(mixes_psk=False), powers=AGREEMENT), ALL,
        completes=2),
]
