"""Fuzzing: whatever is done to a file, it is refused, or gives the images that it says."""

import time
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixelsnail
from codec_files import stamped
from pixelsnail import codec
from pixelsnail.codec.container import START
from pixelsnail.errors import WrongValueError
from tiny import random_levels

KINDS = ("flip", "cut", "insert", "set", "splice", "garbage")


@st.composite
def mutants(draw, data):
    """A changed file, and whether its checksum was put right again."""
    body = bytearray(data[:-4])
    kept = draw(st.integers(0, 3)) > 0
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(KINDS))
        place = draw(st.integers(0, max(len(body) - 1, 0)))
        if kind == "flip" and body:
            body[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del body[place : place + draw(st.integers(1, 8))]
        elif kind == "insert":
            body[place:place] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "set" and body:
            body[place] = draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)))
        elif kind == "splice":
            other = draw(st.integers(0, max(len(body) - 1, 0)))
            body[place : place + 6] = body[other : other + 6]
        elif kind == "garbage":
            body[place:] = draw(st.binary(max_size=40))
    if kept:  # the model's fingerprint too, so that what follows it is reached
        body[:START] = data[:5] + bytes(body[5:6]) + data[6:START]
    return (stamped(bytes(body)) if kept else bytes(body) + data[-4:]), kept


def check_mutant(model, images, original, mutant, counts):
    """A mutant is refused within a second, or holds what its own checksums say."""
    counts["all"] += 1
    if mutant == original:
        return
    start = time.process_time()
    try:
        contents = codec.read(mutant)
        counts["read"] += 1
        sizes = contents.sizes if isinstance(contents.sizes, list) else [contents.sizes]
        if any(h * w > 4096 for h, w in sizes):
            return  # an image that could be one, and is large: what it costs to decode is not what is asked here
        found = codec.decompress_contents(model, contents)
        counts["decoded"] += 1
        for stream, check in zip(contents.layout(1).streams, contents.checks, strict=True):
            assert zlib.crc32(b"".join(found[i].numpy().tobytes() for i in stream)) == check
    except WrongValueError:
        counts["refused"] += 1
    counts["slowest"] = max(counts["slowest"], time.process_time() - start)


def fuzz(model, images, data, examples):
    counts = {"all": 0, "read": 0, "decoded": 0, "refused": 0, "slowest": 0.0}

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(mutants(data))
    def run(mutant):
        check_mutant(model, images, data, mutant[0], counts)

    run()
    return counts


@pytest.fixture(scope="module")
def files(model, images):
    """A plain file, and one with names, several sizes and a list, and a fast one whose images share streams."""
    several = [*images, random_levels(2, (1, 2, 2)), random_levels(2, (1, 5, 1))]
    contents = codec.read(pixelsnail.compress(model, several, names=["a", "b", "c", "d", "e"]))
    contents.listed[0] = {3: 1}
    fast = pixelsnail.compress(model, images, numerics="fast", together=2)
    return pixelsnail.compress(model, images), contents.write(), fast


def test_mutants_are_refused(model, images, files):
    for data in files:
        counts = fuzz(model, images, data, 700)
        assert counts["all"] >= 600
        assert counts["read"] > 20  # some get past the checksum


def mutated(random, data):
    """What `mutants` draws, by numpy: a hundred times as fast."""
    body, kept = bytearray(data[:-4]), random.random() < 0.3
    for _ in range(random.integers(1, 4)):
        kind, place = KINDS[random.integers(len(KINDS))], int(random.integers(max(len(body), 1)))
        if kind == "flip" and body:
            body[place] ^= 1 << int(random.integers(8))
        elif kind == "cut":
            del body[place : place + int(random.integers(1, 9))]
        elif kind == "insert":
            body[place:place] = random.bytes(int(random.integers(1, 9)))
        elif kind == "set" and body:
            body[place] = (0, 1, 0x7F, 0x80, 0xFF)[random.integers(5)]
        elif kind == "splice":
            other = int(random.integers(max(len(body), 1)))
            body[place : place + 6] = body[other : other + 6]
        elif kind == "garbage" and random.random() < 0.1:
            body[place:] = random.bytes(40)
    if kept:
        body[:START] = data[:5] + bytes(body[5:6]) + data[6:START]
    return stamped(bytes(body)) if kept else bytes(body) + data[-4:]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_hundred_thousand_mutants_are_refused(model, images, files, number):
    """100 from each of 340 seeds, of each of three files: `-s` shows how many were read, decoded and refused."""
    counts = {"all": 0, "read": 0, "decoded": 0, "refused": 0, "slowest": 0.0}

    @settings(max_examples=340, deadline=None, database=None, derandomize=True)
    @given(st.integers(0, 2**32 - 1))
    def run(seed):
        random = np.random.default_rng(seed)
        for _ in range(100):
            check_mutant(model, images, files[number], mutated(random, files[number]), counts)

    run()
    print(counts)
    assert counts["all"] >= 33_400
