"""Counter-based random words with NumPy, `philox4x32(key, counter_start, n_words)`; kernels draw the same words.

The generator is Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
"""

import numpy as np
import numpy.typing as npt

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_BLOCKS_AT_ONCE = 4096
_FEW_BLOCKS = 16


def philox_blocks(counters: npt.NDArray[np.uint64], key: tuple[int, int]) -> npt.NDArray[np.uint64]:
    """Encrypt counters: row j of `counters` (4, n) holds word j (below 2**32) of each counter; returns (4, n) words."""
    c0, c1, c2, c3 = (row.copy() for row in counters)
    high, other = np.empty_like(c0), np.empty_like(c0)
    first, second = np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])
    for turn in range(ROUNDS):
        key_low = np.uint64((key[0] + turn * KEY_INCREMENTS[0]) & 0xFFFFFFFF)
        key_high = np.uint64((key[1] + turn * KEY_INCREMENTS[1]) & 0xFFFFFFFF)
        np.multiply(c0, first, out=c0)
        np.multiply(c2, second, out=c2)
        np.right_shift(c2, _HALF, out=high)
        np.bitwise_xor(high, c1, out=high)
        np.bitwise_xor(high, key_low, out=high)
        np.right_shift(c0, _HALF, out=other)
        np.bitwise_xor(other, c3, out=other)
        np.bitwise_xor(other, key_high, out=other)
        np.bitwise_and(c2, _LOW, out=c1)
        np.bitwise_and(c0, _LOW, out=c3)
        c0, high = high, c0
        c2, other = other, c2
    return np.stack((c0, c1, c2, c3))


def _block(counter: int, key: int) -> tuple[int, int, int, int]:
    """The four words of one counter, with Python's integers: for a few blocks faster than arrays."""
    c0, c1, c2, c3 = counter & 0xFFFFFFFF, counter >> 32 & 0xFFFFFFFF, 0, 0
    low, high = key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF
    first, second = MULTIPLIERS
    for _ in range(ROUNDS):
        product, other = c0 * first, c2 * second
        c0, c1, c2, c3 = other >> 32 ^ c1 ^ low, other & 0xFFFFFFFF, product >> 32 ^ c3 ^ high, product & 0xFFFFFFFF
        low, high = (low + KEY_INCREMENTS[0]) & 0xFFFFFFFF, (high + KEY_INCREMENTS[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def philox4x32(key: int, counter_start: int, n_words: int) -> npt.NDArray[np.uint32]:
    """The first `n_words` words of the stream that starts at a 64-bit counter.

    Word i is word i % 4 of the block with counter `counter_start + i // 4` (modulo 2**64, upper two counter words 0).

    >>> [hex(word) for word in philox4x32(0, 0, 4).tolist()]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    n_blocks = -(-n_words // 4)
    if n_blocks <= _FEW_BLOCKS:
        few = [word for block in range(n_blocks) for word in _block(int(counter_start) + block, int(key))]
        return np.array(few[:n_words], dtype=np.uint32)
    words = np.empty((n_blocks, 4), dtype=np.uint32)
    halves = (int(key) & 0xFFFFFFFF, int(key) >> 32 & 0xFFFFFFFF)
    for begin in range(0, n_blocks, _BLOCKS_AT_ONCE):
        end = min(begin + _BLOCKS_AT_ONCE, n_blocks)
        block = np.arange(end - begin, dtype=np.uint64)
        block += np.uint64((int(counter_start) + begin) & 0xFFFFFFFFFFFFFFFF)
        counters = np.zeros((4, end - begin), dtype=np.uint64)
        np.bitwise_and(block, _LOW, out=counters[0])
        np.right_shift(block, _HALF, out=counters[1])
        words[begin:end] = philox_blocks(counters, halves).T
    return words.reshape(-1)[:n_words]
