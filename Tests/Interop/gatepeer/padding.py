"""How much padding a record gets (article Padding and noise)."""


def padme(count: int) -> int:
    """Padmé's length for so many bytes."""
    if count < 2:
        return count
    exponent = count.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    unit = 1 << max(low_bits, 0)
    return (count + unit - 1) // unit * unit


def padding_for(count: int, policy: str, drawn: int = 0, size: int = 0) -> int:
    """Bytes of padding behind a plaintext of `count`; `drawn` is what a range drew, `size` the fixed size."""
    match policy:
        case "none":
            return 0
        case "range":
            return drawn
        case "padme":
            return padme(count) - count
        case "fixed":
            return -count % size
    raise ValueError(policy)
