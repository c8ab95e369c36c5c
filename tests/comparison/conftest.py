"""Tiny images: grey 6 x 5, with all three splits."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.fixture
def source(tmp_path: Path) -> str:
    random = np.random.default_rng(1)
    sizes = {"train": 61, "validation": 21, "test": 11}
    np.savez(tmp_path / "x.npz", **{k: random.integers(0, 256, (n, 6, 5), dtype=np.uint8) for k, n in sizes.items()})
    return f"npz:{tmp_path / 'x.npz'}"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
