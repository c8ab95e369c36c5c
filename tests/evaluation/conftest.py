"""A tiny model and tiny images of its kind."""

from pathlib import Path

import numpy as np
import pytest

from pixelsnail import data
from pixelsnail.data import Images
from pixelsnail.models import Model
from tiny import pixelsnail


@pytest.fixture
def model() -> Model:
    return pixelsnail((1, 5, 7), 2)


@pytest.fixture
def npz(tmp_path: Path) -> str:
    """Ten grey images of 5 x 7, as a data source."""
    grey = np.random.default_rng(0).integers(0, 256, (10, 5, 7), dtype=np.uint8)
    np.savez(tmp_path / "grey.npz", test=grey)
    return f"npz:{tmp_path / 'grey.npz'}"


@pytest.fixture
def dynamic(npz: str) -> Images:
    return data.open(npz, "test", binarize="dynamic")


@pytest.fixture
def fixed(npz: str) -> Images:
    return data.open(npz, "test", binarize="threshold")
