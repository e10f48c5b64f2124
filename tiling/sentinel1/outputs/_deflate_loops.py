"""Compiled loops: blocks of floats as TIFF stores them, predicted and deflated, at memory speed.

The bytes of speckle hardly repeat, so nothing is looked for but runs of one byte; what there is to
gain lies in how often each byte comes. Sources: RFC 1951 (deflate), RFC 1950 (zlib); Adobe
Photoshop TIFF Technical Note 3 (the floating point predictor).

Import this module only where it is used (it loads numba); `fasttiffs` is the door.
"""

# numba infers the types of these loops from their arguments.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.machinecode import compiled

__all__ = ["counted", "packed", "predicted", "tokens_of"]

END = 256  # the token and the symbol that ends a stream
LONGEST_RUN = 258
SHORTEST_RUN = 4  # of equal bytes after the first; shorter ones are as cheap byte by byte
TOKENS = END + LONGEST_RUN + 1  # bytes, the end, and END + n for a run of n


@compiled
def predicted(values, out):
    """Store rows of float32, seen as uint32, as differences of their bytes, the highest first."""
    height, width = values.shape
    for i in range(height):
        row = values[i]
        last = np.uint8(0)
        for plane in range(4):
            shift = np.uint32(24 - 8 * plane)
            part = out[(4 * i + plane) * width : (4 * i + plane + 1) * width]
            part[0] = np.uint8(row[0] >> shift) - last
            for j in range(1, width):
                part[j] = np.uint8(row[j] >> shift) - np.uint8(row[j - 1] >> shift)
            last = np.uint8(row[width - 1] >> shift)


@compiled
def with_runs(part, tokens, number):
    """Append the tokens of bytes behind the `number` that there are; return how many then."""
    size = len(part)
    before = part[0]
    tokens[number] = before
    number += 1
    at = 1
    while at < size:
        most = min(size, at + LONGEST_RUN)
        end = at
        while end < most and part[end] == before:
            end += 1
        if end - at >= SHORTEST_RUN:
            tokens[number] = END + end - at
            number += 1
        else:
            for _ in range(end - at):
                tokens[number] = before
                number += 1
        at = end
        if at < size and end < most:
            before = part[at]
            tokens[number] = before
            number += 1
            at += 1
    return number


@compiled
def tokens_of(data, width, tokens):
    """Take bytes apart into single ones and runs of the one before, and return how many.

    Runs are looked for in parts of `width` bytes where every other byte is like the one before.
    """
    number = 0
    for start in range(0, len(data), width):
        part = data[start : start + width]
        alike = 0
        for k in range(1, width):
            alike += part[k] == part[k - 1]
        if 2 * alike < width:
            single = tokens[number : number + width]
            for k in range(width):
                single[k] = part[k]
            number += width
        else:
            number = with_runs(part, tokens, number)
    tokens[number] = END
    return number + 1


@compiled
def counted(tokens, number, counts):
    """Count how often each token comes; in turns in four places, for these need not wait."""
    whole = number - number % 4
    for k in range(0, whole, 4):
        counts[0, np.uintp(tokens[k])] += 1
        counts[1, np.uintp(tokens[k + 1])] += 1
        counts[2, np.uintp(tokens[k + 2])] += 1
        counts[3, np.uintp(tokens[k + 3])] += 1
    for k in range(whole, number):
        counts[0, np.uintp(tokens[k])] += 1


@compiled
def packed(tokens, number, codes, start, out):
    """Write the words of tokens behind `start` bits that are in `out`; return its bits.

    Codes hold the bits of a token, the first one lowest, and from bit 32 on how many they are.
    """
    place = np.uintp(start // 32)
    bits = np.uint64(start % 32)
    half, word, one = np.uint64(32), np.uint64(0xFFFFFFFF), np.uint64(1)
    held = np.uint64(out[place]) & ((one << bits) - one)
    for k in range(number):
        code = codes[np.uintp(tokens[k])]
        held |= (code & word) << bits
        bits += code >> half
        out[place] = np.uint32(held & word)
        full = bits >> np.uint64(5)  # 0 or 1: no token has more than 32 bits
        held >>= full << np.uint64(5)
        bits &= np.uint64(31)
        place += np.uintp(full)
    out[place] = np.uint32(held & word)
    return np.int64(place) * 32 + np.int64(bits)
