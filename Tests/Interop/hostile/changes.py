"""Ways to change bytes on their way, each once for each place."""

from collections.abc import Callable

Change = Callable[[bytes], bytes]


def flips(byte_count: int, bits: int = 1) -> list[Change]:
    """For each byte so many of its bits, one at a time; which of them depends on the place."""
    def flip(place: int, bit: int) -> Change:
        return lambda data: put(data, place % len(data), bytes([data[place % len(data)] ^ 1 << (bit + place * 3) % 8]))
    return [flip(place, bit) for place in range(byte_count) for bit in range(bits)]


def put(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + 1 :]


def omissions(byte_count: int, step: int) -> list[Change]:
    return [lambda data, at=at: put(data, at, b"") for at in range(0, byte_count, step)]


def doublings(byte_count: int, step: int) -> list[Change]:
    return [lambda data, at=at: data[:at] + data[at : at + 1] + data[at:] for at in range(0, byte_count, step)]


def cuts(byte_count: int, step: int = 1) -> list[Change]:
    return [lambda data, count=count: data[:count] for count in range(0, byte_count, step)]
