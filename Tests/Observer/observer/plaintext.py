"""A search for what was said, and for names and keys."""

from dataclasses import dataclass

from .capture import Connection, Side
from .report import Judgement


@dataclass(frozen=True)
class Pattern:
    """What would be seen if it were not encrypted; text is found in capitals, too."""

    name: str
    data: bytes
    is_text: bool = True


def patterns_of_uuid(name: str, uuid) -> list[Pattern]:
    return [
        Pattern(f"UUID of the {name}", uuid.bytes, is_text=False),
        Pattern(f"UUID of the {name}, mixed-endian", uuid.bytes_le, is_text=False),
        Pattern(f"UUID of the {name} as text", str(uuid).encode()),
        Pattern(f"UUID of the {name} as digits", uuid.hex.encode()),
    ]


def judge(connections: list[Connection], patterns: list[Pattern]) -> list[Judgement]:
    findings = []
    byte_count = 0
    for number, one in enumerate(connections):
        for side in Side:
            data = one.sent_by(side)
            byte_count += len(data)
            lower = data.lower()
            for pattern in patterns:
                sought, within = (pattern.data.lower(), lower) if pattern.is_text else (pattern.data, data)
                if (place := within.find(sought)) >= 0:
                    findings.append(f"{pattern.name}: connection {number}, {side.word}, byte {place}")
    looked_at = f"{len(patterns)} patterns in {byte_count} bytes"
    if not patterns or not byte_count:
        findings.append("there was nothing to look for or at")
    return [Judgement("no plaintext, name or key", looked_at, findings)]
