"""Files of each version of the format decode for ever, and this version writes the same bytes as it did."""

from pathlib import Path

import numpy as np
import pytest
import torch

import pixelsnail
from pixelsnail import codec
from pixelsnail.codec import numerics

FOLDER = Path(__file__).parents[1] / "golden" / "codec"


@pytest.fixture(scope="module")
def bits():
    found = np.load(FOLDER / "images.npz")
    return pixelsnail.load(FOLDER / "bits"), [torch.from_numpy(found[f"bits{i}"]) for i in range(4)]


@pytest.fixture(scope="module")
def colour():
    return pixelsnail.load(FOLDER / "colour"), torch.from_numpy(np.load(FOLDER / "images.npz")["colour"])


def test_bits_of_several_sizes_with_names(bits):
    model, images = bits
    data = (FOLDER / "bits-1.psn").read_bytes()
    assert codec.read(data).names == ["a.png", "b/c.png", "d.jpg", "e.png#2"]
    assert codec.read(data).stored == {0, 1}
    assert all(torch.equal(a, b) for a, b in zip(pixelsnail.decompress(model, data), images, strict=True))
    assert pixelsnail.compress(model, images, names=codec.read(data).names) == data


def test_coupled_channels_with_labels(colour):
    model, x = colour
    data = (FOLDER / "colour-1.psn").read_bytes()
    labels = codec.read(data).context
    assert labels.tolist() == [1, 0]
    assert codec.read(data).stored == {1}
    assert torch.equal(pixelsnail.decompress(model, data), x)
    assert pixelsnail.compress(model, x, labels) == data


def test_listed_symbols(bits, colour, monkeypatch):
    """Made with a bound so large that every few symbols are next to a tie: what is listed shifts their tables."""
    for (model, x), name, error in ((bits, "listed-1.psn", 2.0**-22), (colour, "listed-colour-1.psn", 2.0**-24)):
        data = (FOLDER / name).read_bytes()
        contents = codec.read(data)
        assert sum(map(len, contents.listed)) >= 3
        assert all(torch.equal(a, b) for a, b in zip(pixelsnail.decompress(model, data), x, strict=True))
        monkeypatch.setattr(numerics, "LEAST_ERROR", error)
        assert pixelsnail.compress(model, x, contents.context) == data
