"""The files of `Tests/Vectors`, and what came out of each entry."""

import json
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "Vectors"


def entries(file: str, group: str) -> Iterator[tuple[str, dict]]:
    """Each entry with a name to tell it by."""
    content = json.loads((FOLDER / f"{file}.json").read_text())
    for index, entry in enumerate(content[group]):
        yield f"{file}, {group} {index}", entry


def counting(count: int, first: int) -> bytes:
    """Bytes that count up."""
    return bytes((first + index) & 255 for index in range(count))


class Verdict:
    """Counts what is the same and tells what is not."""

    def __init__(self) -> None:
        self.same, self.other = 0, 0

    def compare(self, name: str, made, committed) -> None:
        if made == committed:
            self.same += 1
            return
        self.other += 1
        made, committed = (each.hex() if isinstance(each, bytes) else each for each in (made, committed))
        print(f"OTHER  {name}\n  made      {str(made)[:200]}\n  committed {str(committed)[:200]}")

    def fail(self, name: str, why: str) -> None:
        self.other += 1
        print(f"OTHER  {name}: {why}")
