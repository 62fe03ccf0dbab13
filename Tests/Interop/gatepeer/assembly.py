"""Messages of extenders: parts put together, compressed ones unfolded (article Sessions, section Messages)."""

import struct
import zlib

from .messages import MESSAGE_BYTES_MAX, MessagePart, MessageStart
from .suites import Refused

RATIO_MAX = 32


class Assembly:
    """Messages of the other side that are under way, by the number of their parts."""

    def __init__(self) -> None:
        self.begun: dict[int, MessageStart] = {}

    def take(self, message: MessageStart | MessagePart) -> MessageStart | None:
        """The whole message, once its last part is here."""
        if isinstance(message, MessageStart):
            if message.part in self.begun:
                raise Refused("a part number in use")
            if not message.bytes and message.total:
                raise Refused("an empty start")
            whole = message
        else:
            if message.part not in self.begun or not message.bytes:
                raise Refused("a part of nothing, or an empty one")
            begun = self.begun.pop(message.part)
            whole = begun._replace(bytes=begun.bytes + message.bytes)
        if len(whole.bytes) > whole.total:
            raise Refused("more bytes than the message has")
        if len(whole.bytes) == whole.total:
            return whole
        self.begun[whole.part] = whole
        return None


def unfolded(compressed: bytes) -> bytes:
    """What was compressed."""
    if len(compressed) < 4:
        raise Refused("no length")
    (count,) = struct.unpack(">I", compressed[:4])
    if not 0 < count <= min(MESSAGE_BYTES_MAX, RATIO_MAX * len(compressed)):
        raise Refused("length of what was compressed")
    inflater = zlib.decompressobj(-15)
    try:
        content = inflater.decompress(compressed[4:], count + 1)
    except zlib.error:
        raise Refused("no DEFLATE") from None
    if len(content) != count or not inflater.eof or inflater.unused_data or inflater.unconsumed_tail:
        raise Refused("another length, or bytes behind the stream")
    return content
