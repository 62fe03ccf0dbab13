"""Client puzzles: what a responder under load asks for in a retry (article Handshake, section Puzzles)."""

import hashlib
import itertools
import os
from dataclasses import dataclass
from uuid import UUID

from .suites import Refused, label

CHALLENGE_BYTES, SOLUTION_BYTES = 32, 8
PUZZLE_BYTES = 1 + CHALLENGE_BYTES
EFFORT_MAX = 20


@dataclass(frozen=True)
class Puzzle:
    """Asks for a number whose hash begins with so many zero bits."""

    effort: int
    challenge: bytes
    node: UUID

    @classmethod
    def make(cls, effort: int, node: UUID) -> "Puzzle":
        return cls(effort, os.urandom(CHALLENGE_BYTES), node)

    def encode(self) -> bytes:
        return bytes([self.effort]) + self.challenge

    @classmethod
    def decode(cls, encoded: bytes, node: UUID) -> "Puzzle":
        if len(encoded) != PUZZLE_BYTES or not encoded[0]:
            raise Refused("no puzzle")
        if encoded[0] > EFFORT_MAX:
            raise Refused(f"a puzzle of {encoded[0]} bits")
        return cls(encoded[0], encoded[1:], node)

    def is_solved_by(self, solution: bytes) -> bool:
        if len(solution) != SOLUTION_BYTES:
            return False
        text = label("QuantumGate puzzle v1") + self.node.bytes + self.challenge + solution
        return not int.from_bytes(hashlib.sha256(text).digest(), "big") >> 256 - self.effort

    def solve(self) -> bytes:
        numbers = (number.to_bytes(SOLUTION_BYTES, "big") for number in itertools.count())
        return next(filter(self.is_solved_by, numbers))
