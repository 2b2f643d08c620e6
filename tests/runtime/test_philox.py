"""Philox: the published test vectors, and the same words from NumPy and from kernels."""

import numpy as np
import pytest

from tests.runtime.helpers import run_kernel
from tracegraph.runtime.philox import philox4x32, philox_blocks

# Random123 1.14, tests/kat_vectors: counter, key, result of philox4x32-10.
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
STREAMS = [(0, 0), (1, 0), (2**64 - 1, 2**32 - 3), (0x299F31D0A4093822, 2**64 - 5), (12345678901234567, 2**40)]


@pytest.mark.parametrize(("counter", "key", "words"), VECTORS)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, int], words: tuple[int, ...]) -> None:
    counters = np.array(counter, dtype=np.uint64).reshape(4, 1)
    np.testing.assert_array_equal(philox_blocks(counters, key)[:, 0], words)


@pytest.mark.parametrize(("key", "start"), STREAMS)
def test_word_layout(key: int, start: int) -> None:
    words = philox4x32(key, start, 40)
    for i in (0, 1, 3, 4, 7, 38, 39):
        counter = (start + i // 4) % 2**64
        counters = np.array([counter & 0xFFFFFFFF, counter >> 32, 0, 0], dtype=np.uint64).reshape(4, 1)
        assert words[i] == philox_blocks(counters, (key & 0xFFFFFFFF, key >> 32))[i % 4, 0]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 16384, 40000])
def test_any_number_of_words(count: int) -> None:
    words = philox4x32(7, 11, count)
    assert words.shape == (count,)
    assert words.dtype == np.uint32
    np.testing.assert_array_equal(words, philox4x32(7, 11, 50000)[:count])


@pytest.mark.parametrize(("key", "start"), STREAMS)
def test_kernels_draw_the_same_words(key: int, start: int) -> None:
    seeds = np.array([key, start], dtype=np.uint64)
    words = np.empty(1003, dtype=np.int64)
    run_kernel({"seeds": seeds.view(np.int64), "words": words}, "words[i] = philox_u32(seeds[0], seeds[1], i)", 1003)
    np.testing.assert_array_equal(words, philox4x32(key, start, 1003))


def test_whole_blocks_in_kernels() -> None:
    words = np.empty(400, dtype=np.int64)
    body = """
        a, b, c, d = philox_block(42, 1000 + i)
        words[4 * i] = a
        words[4 * i + 1] = b
        words[4 * i + 2] = c
        words[4 * i + 3] = d
    """
    run_kernel({"words": words}, body, 100)
    np.testing.assert_array_equal(words, philox4x32(42, 1000, 400))


def test_words_look_uniform() -> None:
    draws = philox4x32(5, 0, 100000) / 2.0**32
    assert abs(draws.mean() - 0.5) < 0.005
    assert abs(draws.var() - 1 / 12) < 0.002
