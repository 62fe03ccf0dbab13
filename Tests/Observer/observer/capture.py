"""What passed over connections, as somebody on the way sees it: bytes, directions and moments."""

from dataclasses import dataclass, field
from enum import IntEnum
from itertools import groupby


class Side(IntEnum):
    """Who sent a piece."""

    DIALLER = 0
    RESPONDER = 1

    @property
    def word(self) -> str:
        return self.name.lower()


# The first turns of every connection. No key is needed to tell them: the sides take turns until the session stands.
OPENING, ANSWER, LAST, FIRST_WORD = range(4)
TURN_NAMES = ["opening", "answer", "last flight", "first word"]
# Of these all is looked at, in however many writes it came: nothing may follow before the other side has spoken.
WHOLE_TURNS = {OPENING, ANSWER}


@dataclass(frozen=True)
class Piece:
    """Bytes that arrived at once."""

    moment: float
    side: Side
    data: bytes


@dataclass(frozen=True)
class Turn:
    """What one side says once the other has said something: an opening or an answer in all its writes, and of what comes
    later the first write, since noise may follow before the other side's turn."""

    side: Side
    data: bytes
    moment: float


@dataclass
class Connection:
    """One TCP connection from its first byte to its last; `kind` says how its session came to be: fresh or resumed."""

    kind: str
    pieces: list[Piece] = field(default_factory=list)

    def sent_by(self, side: Side) -> bytes:
        return b"".join(piece.data for piece in self.pieces if piece.side is side)

    def sizes_of(self, side: Side) -> list[int]:
        """Lengths of one side's writes, as far as they arrived one by one."""
        return [len(piece.data) for piece in self.pieces if piece.side is side]

    def turns(self, count: int = len(TURN_NAMES)) -> list[Turn]:
        """The first turns."""
        turns = []
        for side, pieces in groupby(self.pieces, key=lambda piece: piece.side):
            if len(turns) == count:
                break
            first = next(pieces)
            rest = pieces if len(turns) in WHOLE_TURNS else []
            turns.append(Turn(side, b"".join([first.data, *(piece.data for piece in rest)]), first.moment))
        return turns
