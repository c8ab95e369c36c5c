"""Small data sets in each form."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, 5, 4), dtype=np.uint8), np.arange(count, dtype=np.uint8) % 10


IDX = {
    "train-images-idx3-ubyte": idx(digits(30, 0)[0]),
    "train-labels-idx1-ubyte": idx(digits(30, 0)[1]),
    "t10k-images-idx3-ubyte": idx(digits(10, 1)[0]),
    "t10k-labels-idx1-ubyte": idx(digits(10, 1)[1]),
}


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """A folder of the four idx files: 30 training and 10 test images of 5 x 4."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name, content in IDX.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def gzipped_mnist(tmp_path: Path) -> Path:
    """The same, gzipped."""
    folder = tmp_path / "gzipped"
    folder.mkdir()
    for name, content in IDX.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return folder


@pytest.fixture
def save():
    """save(path, mode="L", seed=0, size=(5, 4)) writes a picture of noise and returns its levels (C, H, W)."""

    def write(path: Path, mode: str = "L", seed: int = 0, size: tuple[int, int] = (5, 4)) -> np.ndarray:
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = size if mode == "L" else (*size, len(mode))
        levels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(levels).save(path)
        return levels[None] if mode == "L" else levels.transpose(2, 0, 1)

    return write
