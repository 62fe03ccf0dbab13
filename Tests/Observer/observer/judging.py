"""All judgements of a capture."""

from . import lengths, plaintext, positions, randomness
from .capture import Connection
from .plaintext import Pattern
from .report import Judgement


def judge(connections: list[Connection], patterns: list[Pattern]) -> list[Judgement]:
    return [
        *positions.judge(connections), *lengths.judge(connections), *randomness.judge(connections),
        *plaintext.judge(connections, patterns),
    ]
