"""A case: who plays under which rules, what is claimed, and which of it has to fail."""

from __future__ import annotations

import gc
from dataclasses import dataclass

from .search import Outcome, Scene, explore
from .updates import Line, explore_updates

STATES_MAX = 400_000


@dataclass(frozen=True)
class Case:
    name: str
    subject: Scene | Line
    claims: dict
    fails: tuple[str, ...] = ()
    """The claims for which an attack must be found. All others must hold."""
    completes: int = 1
    """How many sides complete at once (how many epochs follow the first) somewhere, lest a claim hold for nothing."""
    is_long: bool = False
    """Run with the larger bound only."""
    states_max: int = STATES_MAX

    def run(self) -> Outcome:
        gc.disable()  # terms and states live as long as the case
        judge = explore if isinstance(self.subject, Scene) else explore_updates
        claims = {name: self.claims[name] for name in self.fails} if self.fails else self.claims
        return judge(self.subject, claims, self.states_max, False)

    def faults(self, outcome: Outcome) -> list[str]:
        """Why the case did not come out as it has to."""
        found = [f"an attack on: {name}" for name in outcome.attacks if name not in self.fails]
        found += [f"no attack found on: {name}" for name in self.fails if name not in outcome.attacks]
        if outcome.is_bounded and not self.fails:
            found.append(f"more than {self.states_max} states")
        if not self.fails and outcome.completed < self.completes:
            found.append(f"only {outcome.completed} of {self.completes} completed")
        return found


def only(claims: dict, *names: str) -> dict:
    return {name: claims[name] for name in names}
