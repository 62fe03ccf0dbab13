"""Streams of extenders within a session (article Sessions, section Streams)."""

import secrets
import time

from .messages import (
    Message, StreamAcknowledged, StreamCredit, StreamData, StreamDone, StreamFinish, StreamOpen, StreamReset,
)
from .session import PATIENCE, Session
from .suites import Refused

FIRST_CREDIT = 65_536
WINDOW = 1 << 20
DATA_BYTES_MAX = 16_384
INTERACTIVE, BULK = 1, 2


class WasReset(Exception):
    def __init__(self, code: int):
        super().__init__(f"stream reset with code {code}")
        self.code = code


class Stream:
    """One stream; reading and writing wait for messages of the session, in the caller's thread."""

    def __init__(self, streams: "Streams", alias: int, limit: int):
        self.streams, self.alias = streams, alias
        self.limit, self.sent_count, self.acknowledged = limit, 0, 0
        self.received, self.received_count, self.given_limit = bytearray(), 0, WINDOW
        self.is_finished, self.is_done, self.code = False, False, None

    def write(self, data: bytes) -> None:
        """Sends all, as the other side's credit allows."""
        while data:
            self.streams.wait(lambda: self.sent_count < self.limit, self)
            part = data[: min(DATA_BYTES_MAX, self.limit - self.sent_count)]
            self.streams.session.send(StreamData(self.alias, part))
            self.sent_count += len(part)
            data = data[len(part) :]

    def read(self, byte_count: int) -> bytes:
        """So many bytes, or fewer where the other side finished before; consumed bytes are acknowledged."""
        while len(self.received) < byte_count and not self.is_finished:
            before = self.received_count
            self.streams.wait(lambda: self.received_count > before or self.is_finished, self)
            if self.given_limit - self.received_count < WINDOW // 2 and not self.is_finished:
                self.given_limit = self.received_count + WINDOW
                self.streams.session.send(
                    StreamAcknowledged(self.alias, self.received_count), StreamCredit(self.alias, self.given_limit))
        found = bytes(self.received[:byte_count])
        del self.received[:byte_count]
        return found

    def read_all(self) -> bytes:
        return self.read(1 << 40)

    def finish(self) -> None:
        self.streams.session.send(StreamFinish(self.alias))

    def done(self) -> None:
        """Says that everything up to the other side's finish was consumed."""
        self.streams.session.send(StreamDone(self.alias))

    def wait_done(self) -> None:
        self.streams.wait(lambda: self.is_done, self)

    def reset(self, code: int) -> None:
        self.streams.session.send(StreamReset(self.alias, code))

    def took(self, message: Message) -> None:
        match message:
            case StreamData(bytes=data):
                self.received_count += len(data)
                if self.received_count > self.given_limit or self.is_finished:
                    raise Refused("more bytes than the stream allows")
                self.received += data
            case StreamCredit(limit=limit):
                if limit < self.limit:
                    raise Refused("limit that sinks")
                self.limit = limit
            case StreamAcknowledged(offset=offset):
                if not self.acknowledged <= offset <= self.sent_count:
                    raise Refused("acknowledgement of what was not sent")
                self.acknowledged = offset
            case StreamFinish():
                self.is_finished = True
            case StreamDone():
                self.is_done = True
            case StreamReset(code=code):
                self.code = code


class Streams:
    """All streams of a session."""

    def __init__(self, session: Session):
        self.session = session
        self.open_ones: dict[int, Stream] = {}
        self.arrived: list[tuple[StreamOpen, Stream]] = []
        self.next_alias = 1 if session.established.is_initiator else 2
        self.replica, self.counter = secrets.randbits(64), 0

    def open(self, extender: bytes, priority: int = BULK) -> Stream:
        stream = Stream(self, self.next_alias, FIRST_CREDIT)
        self.open_ones[stream.alias] = stream
        self.next_alias += 2
        self.counter += 1
        self.session.send(StreamOpen(stream.alias, self.replica, self.counter, extender, priority, WINDOW))
        return stream

    def accept(self, patience: float = PATIENCE) -> tuple[StreamOpen, Stream]:
        """The next stream that the other side opens; it may send 65,536 bytes at first, and is given more here."""
        self.wait(lambda: self.arrived, patience=patience)
        opened, stream = self.arrived.pop(0)
        self.session.send(StreamCredit(stream.alias, WINDOW))
        return opened, stream

    def wait(self, is_so, stream: Stream | None = None, patience: float = PATIENCE) -> None:
        deadline = time.monotonic() + patience
        while not is_so():
            if stream and stream.code is not None:
                raise WasReset(stream.code)
            self._take(self.session.receive(max(0.01, deadline - time.monotonic())))

    def _take(self, message: Message) -> None:
        if isinstance(message, StreamOpen):
            if message.alias % 2 == self.next_alias % 2:
                raise Refused("alias of the wrong side")
            stream = Stream(self, message.alias, message.credit)
            self.open_ones[message.alias] = stream
            self.arrived.append((message, stream))
        elif type(message).__name__.startswith("Stream"):
            if message.alias not in self.open_ones:
                raise Refused("alias that never was")
            self.open_ones[message.alias].took(message)
