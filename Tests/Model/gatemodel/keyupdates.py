"""The cases of the key update."""

from __future__ import annotations

from dataclasses import replace

from .case import Case
from .keyupdate import UpdateRules
from .knowledge import Powers
from .updates import ALL, WITH_FORGERY, Line

AGREEMENT, ENCAPSULATION = Powers(breaks_agreement=True), Powers(breaks_encapsulation=True)
CLOSED = {"other epochs stay closed": ALL["other epochs stay closed"]}

HOLDING = [
    Case("either side asks, ties", Line(contents=(2, 2)), ALL, completes=2),
    Case("four updates", Line(asks=(2, 2)), ALL, completes=4),
    Case("four updates, more contents", Line(asks=(2, 2), contents=(2, 1)), ALL, completes=4, is_long=True),
    Case("a root leaks", Line(asks=(2, 1), leaks="root"), ALL, completes=3),
    Case("a root leaks, X25519 broken", Line(leaks="root", powers=AGREEMENT), ALL, completes=2),
    Case("a root leaks, ML-KEM broken", Line(leaks="root", powers=ENCAPSULATION), ALL, completes=2),
    Case("both phases broken, nothing leaks", Line(powers=Powers(True, True)), ALL, completes=2),
    Case("the resumption secret leaks", Line(leaks="resumption", forges=True), ALL, completes=2),
    Case("record keys leak", Line(leaks="both"), ALL, completes=2),
    Case(
        "a sending key leaks, forged records",
        Line(contents=(1, 0), leaks="sending", forges=True, forged_max=2), WITH_FORGERY, completes=2),
    Case(
        "a receiving key leaks, forged records",
        Line(contents=(1, 0), leaks="receiving", forges=True, forged_max=2), WITH_FORGERY, completes=2),
    Case(
        "both record keys leak, forged records", Line(asks=(1, 0), leaks="both", forges=True, forged_max=2),
        WITH_FORGERY),
    Case(
        "both record keys leak, either side asks, forged records",
        Line(contents=(1, 0), leaks="both", forges=True, forged_max=2), WITH_FORGERY, completes=2, is_long=True),
]

LIMITS = [
    Case(
        "a root leaks, attacker between the sides", Line(leaks="root", forges=True), WITH_FORGERY,
        fails=("other epochs stay closed", "taken as sent")),
    Case(
        "a root leaks, both phases broken", Line(leaks="root", powers=Powers(True, True)), CLOSED,
        fails=tuple(CLOSED)),
    Case(
        "record keys leak: who has one writes under it", Line(leaks="both", forges=True),
        {"nobody is at fault": ALL["nobody is at fault"]}, fails=("nobody is at fault",)),
]


def without(rule: str, line: Line, *fails: str) -> Case:
    changed = replace(line, rules=UpdateRules(**{rule: False}))
    return Case(f"not: {rule.replace('_', ' ')}", changed, ALL, fails=fails)


NO_ENTROPY = UpdateRules(mixes_agreement=False, mixes_encapsulation=False)
BROKEN = [
    Case("not: mixes fresh secrets", Line(NO_ENTROPY, leaks="root"), CLOSED, fails=tuple(CLOSED)),
    without("mixes_agreement", Line(leaks="root", powers=ENCAPSULATION), "other epochs stay closed"),
    without("mixes_encapsulation", Line(leaks="root", powers=AGREEMENT), "other epochs stay closed"),
    without("mixes_old_root", Line(leaks="both", forges=True), "other epochs stay closed", "taken as sent"),
    without("counts_records", Line(), "taken as sent", "nobody is at fault"),
    without("has_key_per_direction", Line(), "taken as sent"),
    without("responder_yields", Line(), "updates finish"),
    without("initiator_ignores", Line(), "epochs agree", "nobody is at fault"),
    without(
        "wipes_receiving_key", Line(asks=(1, 0), contents=(0, 0), leaks="sending", forges=True),
        "superseded epochs are refused"),
    without("wipes_root", Line(leaks="root"), "other epochs stay closed"),
]

# What the model sees no need of: every secret of an update is bound to its keys already, where primitives are perfect.
UNNEEDED = [
    Case(f"not: {rule.replace('_', ' ')}", replace(line, rules=UpdateRules(**{rule: False})), judged, completes=1)
    for rule in ("mixes_transcript", "mixes_asker")
    for line, judged in (
        (Line(leaks="root"), ALL),
        (Line(asks=(1, 0), contents=(1, 0), leaks="both", forges=True, forged_max=2), WITH_FORGERY))
]
