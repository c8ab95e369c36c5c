"""Streams: constriction takes our tables exactly, and no byte too many is kept."""

import subprocess
import sys

import numpy as np
import pytest

from pixelsnail.codec.grid import PRECISION, counts, scaled
from pixelsnail.codec.range_coder import Reader, Writer, read_uniform, weights, write_uniform
from pixelsnail.errors import WrongValueError


def rows(levels, n, seed=0, sharp=0.2):
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.full(levels, sharp), n)
    symbols = np.array([random.choice(levels, p=row / row.sum()) for row in p])
    return symbols, counts(scaled(p))


def by_hand(symbols, table):
    """The interval that range coding with 32-bit words and a 64-bit state leads to: its lower end, width and bits."""
    lower, width, bits = 0, 2**64 - 1, 64
    for x, row in zip(symbols.tolist(), table.tolist(), strict=True):
        step = width >> PRECISION
        lower, width = lower + step * row[x], step * (row[x + 1] - row[x])
        if width < 2**32:
            lower, width, bits = lower << 32, width << 32, bits + 32
    return lower, width, bits


@pytest.mark.parametrize("levels", [2, 3, 256, 512])
@pytest.mark.parametrize("n", [1, 2, 40, 700])
def test_constriction_takes_our_tables_exactly(levels, n):
    """The interval is that of exact arithmetic with our counts, and the stream the shortest with as many bits."""
    symbols, table = rows(levels, n)
    writer = Writer()
    writer.write(symbols, weights(table))
    stream = writer.finish()
    lower, width, bits = by_hand(symbols, table)
    number = int.from_bytes(stream, "big") << (bits - 8 * len(stream))
    assert lower <= number < lower + width
    information = bits - np.log2(float(width))
    assert 8 * len(stream) - 8 <= information <= 8 * len(stream)
    assert (Reader(stream).read(weights(table)[:, None], symbols[:, None])[:, 0] == symbols).all()


def test_a_stream_in_parts_is_the_stream_as_a_whole():
    symbols, table = rows(5, 100)
    one, other = Writer(), Writer()
    one.write(symbols, weights(table))
    for first in range(0, 100, 7):
        other.write(symbols[first : first + 7], weights(table)[first : first + 7])
    assert one.finish() == other.finish()
    assert Writer().finish() == b""


def test_reading_stops_at_the_first_wrong_guess():
    symbols, table = rows(3, 60)
    writer = Writer()
    writer.write(symbols, weights(table))
    reader = Reader(writer.finish())
    own, place = weights(table).reshape(30, 2, 3), 0
    pixels = symbols.reshape(30, 2)
    for wrong in (0, 4, 1, 9, 3, 2):
        guesses = pixels[place:].copy()
        guesses[wrong] = (guesses[wrong] + 1) % 3
        spoilt = own[place:].copy()
        spoilt[wrong + 1 :] = spoilt[wrong + 1 :, :, ::-1]  # beyond a wrong guess tables are wrong
        found = reader.read(spoilt, guesses)
        assert (found == pixels[place : place + wrong + 1]).all()
        assert len(found) == wrong + 1
        place += wrong + 1
    assert (reader.read(own[place:], pixels[place:]) == pixels[place:]).all()


def test_tables_that_no_stream_fits_are_found_only_where_they_are_right():
    """Wrong tables beyond a wrong guess may be impossible ones: what was right before is read all the same."""
    symbols, table = rows(2, 400, seed=2)
    writer = Writer()
    writer.write(symbols, weights(table))
    reader, random, place = Reader(writer.finish()), np.random.default_rng(0), 0
    own = weights(table)[:, None]
    while place < 400:
        guesses, spoilt = symbols[place:, None].copy(), own[place:].copy()
        guesses[0] ^= 1
        spoilt[1:] = np.array([2.0**PRECISION - 2, 0.0])  # of these a stream is soon spent
        spoilt[1:, :, :] = spoilt[1:, :, random.permutation(2)]
        found = reader.read(spoilt, guesses)
        assert (found[:, 0] == symbols[place : place + 1]).all()
        place += 1


def test_a_stream_that_is_spent_is_damaged():
    symbols, table = rows(256, 300)
    writer = Writer()
    writer.write(symbols, weights(table))
    stream = writer.finish()
    for short in (stream[:-2], stream[: len(stream) // 2], b""):
        with pytest.raises(WrongValueError, match="are damaged, or this is not the model"):
            Reader(short).read(weights(table)[:, None], symbols[:, None])


@pytest.mark.parametrize("size", [2, 3, 10, 256, 65536])
def test_uniform_levels_cost_their_logarithm(size):
    levels = np.random.default_rng(0).integers(0, size, 1000)
    stream = write_uniform(levels, size)
    assert 8 * len(stream) <= 1000 * np.log2(size) + 16
    assert (read_uniform(stream, 1000, size) == levels).all()
    assert read_uniform(b"", 0, size).shape == (0,)
    with pytest.raises(WrongValueError):
        read_uniform(stream, 10**12, size)


def test_without_constriction_the_extra_is_named():
    code = (
        "import sys; sys.modules['constriction'] = None\n"
        "import torch, pixelsnail\n"
        "model = pixelsnail.PixelSNAIL((1, 4, 5), 2, channels=4, blocks=1)\n"
        "for call in (lambda: pixelsnail.compress(model, torch.zeros(1, 1, 4, 5, dtype=torch.long)),):\n"
        "    try: call()\n"
        "    except ModuleNotFoundError as error: print(error)\n"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "Compressing needs constriction, which is not installed; pip install 'pixelsnail[codec]'."
