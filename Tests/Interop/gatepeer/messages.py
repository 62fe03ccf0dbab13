"""Messages of a session and their encoding (article Sessions, section Messages)."""

import struct
from typing import NamedTuple

from .suites import Refused

RECEIPT_WANTED, INTERACTIVE = 1, 2
DELIVERED, NO_SUCH_EXTENDER = 0, 1
CLOSE_DONE, CLOSE_GOING_AWAY, CLOSE_IDLE, CLOSE_VIOLATION, CLOSE_LIMIT = 0, 1, 2, 5, 6
RESET_REFUSED, RESET_NO_SUCH_EXTENDER = 2, 3
CELL_BYTES = 2048
EXTENDERS_MAX = 256
MESSAGE_BYTES_MAX = (1 << 20) - 1031
CERTIFICATE_BYTES_MAX = 8192
ENCAPSULATION_BYTES_MAX = 1568


class Ping(NamedTuple):
    number: int


class Pong(NamedTuple):
    number: int


class Close(NamedTuple):
    reason: int


class Extenders(NamedTuple):
    extenders: tuple[bytes, ...]


class MessageStart(NamedTuple):
    part: int
    extender: bytes
    id: int
    flags: int
    total: int
    bytes: bytes


class MessagePart(NamedTuple):
    part: int
    bytes: bytes


class Receipt(NamedTuple):
    id: int
    status: int


class StreamOpen(NamedTuple):
    alias: int
    replica: int
    counter: int
    extender: bytes
    priority: int
    credit: int


class StreamData(NamedTuple):
    alias: int
    bytes: bytes


class StreamCredit(NamedTuple):
    alias: int
    limit: int


class StreamAcknowledged(NamedTuple):
    alias: int
    offset: int


class StreamFinish(NamedTuple):
    alias: int


class StreamReset(NamedTuple):
    alias: int
    code: int


class Cells(NamedTuple):
    cells: tuple[bytes, ...]


class CircuitCredit(NamedTuple):
    circuit: int
    cells: int


class CircuitDestroy(NamedTuple):
    circuit: int
    reason: int


class StreamDone(NamedTuple):
    alias: int


class StreamResume(NamedTuple):
    alias: int
    replica: int
    counter: int
    extender: bytes
    priority: int
    flags: int
    received: int
    acknowledged: int
    limit: int


class CertificateShown(NamedTuple):
    certificate: bytes


class KeyRequest(NamedTuple):
    epoch: int
    agreement: bytes
    encapsulation: bytes


class KeyReply(NamedTuple):
    epoch: int
    agreement: bytes
    encapsulation: bytes


class KeySwitch(NamedTuple):
    epoch: int


class Resumed(NamedTuple):
    accepted: int
    epoch: int


Message = NamedTuple

# Fields in order: u8, u32, u64, 16 bytes, 32 bytes, u16 and so many bytes, u16 and so many ids, u8 and so many cells.
NUMBERS = {"B": ">B", "I": ">I", "Q": ">Q"}
LAYOUTS = {
    1: (Ping, "Q"), 2: (Pong, "Q"), 3: (Close, "B"), 4: (Extenders, "ids"), 5: (MessageStart, "I id Q B I bytes"),
    6: (MessagePart, "I bytes"), 7: (Receipt, "Q B"), 8: (StreamOpen, "I Q Q id B Q"), 9: (StreamData, "I bytes"),
    10: (StreamCredit, "I Q"), 11: (StreamAcknowledged, "I Q"), 12: (StreamFinish, "I"), 13: (StreamReset, "I I"),
    14: (Cells, "cells"), 15: (CircuitCredit, "I I"), 16: (CircuitDestroy, "I B"), 17: (StreamDone, "I"),
    18: (StreamResume, "I Q Q id B B Q Q Q"), 19: (CertificateShown, "bytes"), 20: (KeyRequest, "I key bytes"),
    21: (KeyReply, "I key bytes"), 22: (KeySwitch, "I"), 32: (Resumed, "B I"),
}
TYPES = {shape: number for number, (shape, _) in LAYOUTS.items()}


def encode(message: Message) -> bytes:
    number = TYPES[type(message)]
    output = bytes([number])
    for field, value in zip(LAYOUTS[number][1].split(), message):
        match field:
            case "id" | "key":
                output += value
            case "bytes":
                output += struct.pack(">H", len(value)) + value
            case "ids":
                output += struct.pack(">H", len(value)) + b"".join(value)
            case "cells":
                output += bytes([len(value)]) + b"".join(value)
            case _:
                output += struct.pack(NUMBERS[field], value)
    return output


def decode(plaintext: bytes) -> list[Message]:
    """All messages of a record, without its padding; refuses what breaks the protocol."""
    found, position = [], 0

    def taken(byte_count: int) -> bytes:
        nonlocal position
        if position + byte_count > len(plaintext):
            raise Refused("message cut off")
        position += byte_count
        return plaintext[position - byte_count : position]

    def number(form: str) -> int:
        return struct.unpack(form, taken(struct.calcsize(form)))[0]

    while position < len(plaintext):
        kind = number(">B")
        if kind == 0:
            break
        if kind not in LAYOUTS:
            raise Refused(f"message type {kind}")
        shape, fields = LAYOUTS[kind]
        values = []
        for field in fields.split():
            match field:
                case "id":
                    values.append(taken(16))
                case "key":
                    values.append(taken(32))
                case "bytes":
                    values.append(taken(number(">H")))
                case "ids":
                    values.append(tuple(taken(16) for _ in range(number(">H"))))
                case "cells":
                    values.append(tuple(taken(CELL_BYTES) for _ in range(number(">B"))))
                case _:
                    values.append(number(NUMBERS[field]))
        message = shape(*values)
        if not is_possible(message):
            raise Refused(f"impossible {shape.__name__}")
        if found and isinstance(found[-1], KeySwitch):
            raise Refused("a message behind a switch")
        found.append(message)
    return found


def is_possible(message: Message) -> bool:
    """Whether the message's values are among those that the articles know."""
    match message:
        case Extenders(extenders):
            return len(extenders) <= EXTENDERS_MAX
        case MessageStart(flags=flags, total=total, bytes=data):
            return flags & ~3 == 0 and len(data) <= total <= MESSAGE_BYTES_MAX
        case StreamOpen(priority=priority) | StreamResume(priority=priority):
            return priority in (1, 2)
        case StreamData(bytes=data):
            return len(data) > 0
        case Cells(cells):
            return 1 <= len(cells) <= 31
        case CircuitCredit(cells=cells):
            return cells > 0
        case CertificateShown(certificate):
            return len(certificate) <= CERTIFICATE_BYTES_MAX
        case KeyRequest(encapsulation=encapsulation) | KeyReply(encapsulation=encapsulation):
            return len(encapsulation) <= ENCAPSULATION_BYTES_MAX
        case Resumed(accepted=accepted):
            return accepted in (0, 1)
    return True
