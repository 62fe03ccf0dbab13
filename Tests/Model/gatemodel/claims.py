"""What is claimed of the handshake, each as a judgement of one state: what is wrong in it, or nothing."""

from __future__ import annotations

from .handshake import Side
from .knowledge import Knowledge
from .parts import uuid_of
from .search import Scene, State
from .terms import challenge, public_key, solution


def _judged(scene: Scene, state: State) -> list[Side]:
    """Who completed, before the attacker got anything that it gets later."""
    return [
        side for index, side in enumerate(state.sides)
        if side.is_complete and (state.completed is None or index in state.completed)]


def _is_with_honest(scene: Scene, side: Side) -> bool:
    return side.peer in scene.uuids


def secrecy(scene: Scene, state: State, known: Knowledge) -> str | None:
    """Root, record keys and first record's content of a side that proved an honest peer."""
    return _secrecy(scene, state, known, (True, False))


def secrecy_of_initiators(scene: Scene, state: State, known: Knowledge) -> str | None:
    """The same, of initiators only."""
    return _secrecy(scene, state, known, (True,))


def secrecy_of_responders(scene: Scene, state: State, known: Knowledge) -> str | None:
    """The same, of responders only."""
    return _secrecy(scene, state, known, (False,))


def _secrecy(scene: Scene, state: State, known: Knowledge, roles: tuple[bool, ...]) -> str | None:
    for side in _judged(scene, state):
        if _is_with_honest(scene, side) and side.part.is_initiator in roles:
            keys = [side.root, side.record_key(True), side.record_key(False)]
            if any(map(known.derives, keys)):
                return f"the attacker has record keys of {side.part.name}"
            if known.derives(side.content):
                return f"the attacker reads the first record of {side.part.name}"
    return None


def _common(side: Side) -> tuple:
    """What both ends have to agree on beside hashes and peers."""
    return side.header.suite, side.header.pattern, side.header.context, side.version


def responder_is_proven(scene: Scene, state: State, known: Knowledge) -> str | None:
    """An initiator that completed: the node dialled answered in this very handshake, and in no other's name."""
    if state.completed is not None:
        return None
    for side in _judged(scene, state):
        if side.part.is_initiator and side.peer is not side.dialled:
            return f"{side.part.name} completed with another node than it dialled"
        if not side.part.is_initiator or not _is_with_honest(scene, side):
            continue
        answered = [
            each for each in state.sides
            if not each.part.is_initiator and each.uuid is side.peer
            and each.hash_of_answer is side.hash_of_answer and _common(each) == _common(side)]
        if len(answered) != 1:
            return f"{side.part.name} completed, {len(answered)} responders agree with it"
        if sum(each.hash_of_answer is side.hash_of_answer for each in state.sides if each.part.is_initiator) != 1:
            return "two initiators completed with one answer"
    return None


def initiator_is_proven(scene: Scene, state: State, known: Knowledge) -> str | None:
    """A responder that completed: that node dialled it, once for this session, and has the same root."""
    if state.completed is not None:
        return None
    taken = set()
    for side in _judged(scene, state):
        if side.part.is_initiator or not _is_with_honest(scene, side):
            continue
        dialled = [
            each for each in state.sides
            if each.part.is_initiator and each.is_complete and each.uuid is side.peer
            and each.peer is side.uuid and each.state.hash is side.state.hash
            and each.root is side.root and _common(each) == _common(side)]
        if len(dialled) != 1 or dialled[0] in taken:
            return f"{side.part.name} completed, {len(dialled)} initiators agree with it"
        taken.add(dialled[0])
    return None


def first_record_confirms(scene: Scene, state: State, known: Knowledge) -> str | None:
    """An initiator that read the first record: the responder completed too, with it, and has the same root."""
    if state.completed is not None:
        return None
    for side in state.sides:
        if side.phase != "confirmed" or not _is_with_honest(scene, side):
            continue
        own = side.uuid if side.header.pattern == "mutual" else None
        if not any(
            each.is_complete and not each.part.is_initiator and each.root is side.root and each.peer is own
            and each.uuid is side.peer and _common(each) == _common(side) for each in state.sides
        ):
            return f"{side.part.name} read a record, no responder has its root"
    return None


def no_downgrade(scene: Scene, state: State, known: Knowledge) -> str | None:
    """Suite and version are those that both would have come to with nobody between them."""
    if state.completed is not None:
        return None
    nodes = {uuid_of(part.node.identity, scene.rules): part.node for part in scene.parts}
    for side in _judged(scene, state):
        if not _is_with_honest(scene, side):
            continue
        own, other = side.part.node, nodes[side.peer]
        dialler, dialled = (own, other) if side.part.is_initiator else (other, own)
        suite = dialler.suites[0]
        if suite not in dialled.suites:
            suite = next(each for each in dialled.suites if each in dialler.suites)
        version = min(dialler.versions[1], dialled.versions[1])
        if (side.header.suite, side.version) != (suite, version):
            return (
                f"{side.part.name} speaks suite {side.header.suite}, version {side.version}; "
                f"undisturbed {suite} and {version}")
    return None


def contexts_agree(scene: Scene, state: State, known: Knowledge) -> str | None:
    """No handshake of one context completes as one of another."""
    for side in _judged(scene, state):
        for other in _judged(scene, state):
            if side.root is other.root and side.header.context != other.header.context:
                return f"{side.part.name} and {other.part.name} share a root across contexts"
    return None


def puzzles_agree(scene: Scene, state: State, known: Knowledge) -> str | None:
    """Both ends of a session mean the same puzzle and solution, or none."""
    for side in _judged(scene, state):
        for other in _judged(scene, state):
            if side.root is other.root and side.header.puzzle is not other.header.puzzle:
                return f"{side.part.name} and {other.part.name} mean other puzzles"
    return None


def answers_are_earned(scene: Scene, state: State, known: Knowledge) -> str | None:
    """A responder that asks for a puzzle's solution answers nobody without."""
    for side in state.sides:
        if not side.part.is_initiator and side.part.node.has_puzzles and side.hash_of_answer is not None:
            if side.header.puzzle is not solution(challenge(f"challenge of {side.part.name}")):
                return f"{side.part.name} answered without a solution"
    return None


def initiators_are_hidden(scene: Scene, state: State, known: Knowledge) -> str | None:
    """The certificate of a node that only dials, and only honest nodes, stays unknown. (Nobody else shows it.)"""
    responding = {part.node.identity for part in scene.parts if not part.is_initiator}
    for part in scene.parts:
        if part.is_initiator and part.node.identity not in responding:
            if known.derives(part.node.certificate(scene.rules)) or known.derives(public_key(part.node.static)):
                return f"the attacker has the certificate of {part.name}"
    return None


def responders_are_hidden(scene: Scene, state: State, known: Knowledge) -> str | None:
    """Responders' certificates stay unknown."""
    for part in scene.parts:
        if not part.is_initiator and (
            known.derives(part.node.certificate(scene.rules)) or known.derives(public_key(part.node.static))
        ):
            return f"the attacker has the certificate of {part.name}"
    return None


def sessions_need_identities(scene: Scene, state: State, known: Knowledge) -> str | None:
    """Who completes a mutual handshake has an honest node on the other side, where the attacker has no identity."""
    for side in state.sides:
        if side.is_complete and side.header.pattern == "mutual" and not _is_with_honest(scene, side):
            return f"{side.part.name} completed with a stranger"
    return None


def masks_stay_closed(scene: Scene, state: State, known: Knowledge) -> str | None:
    """No honest flight's header can be read."""
    for side in state.sides:
        for each in side.sent:
            if each.op == "flight" and known.derives(each.args[0]):
                return f"the attacker opens a flight of {side.part.name}"
    return None


def strangers_get_no_answer(scene: Scene, state: State, known: Knowledge) -> str | None:
    """A responder answers openings of members only, and each once."""
    taken = []
    for side in state.sides:
        if not side.part.is_initiator and side.sent:
            openings = side.taken[:1 + (side.is_retried and len(side.sent) > 1)]
            if not openings:
                return f"{side.part.name} answered an opening that no member made"
            taken += openings
    return "two responders answered one opening" if len(set(taken)) != len(taken) else None


ALL = {
    "secrecy": secrecy,
    "responder is proven": responder_is_proven,
    "initiator is proven": initiator_is_proven,
    "first record confirms": first_record_confirms,
    "no downgrade": no_downgrade,
}
