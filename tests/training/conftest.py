"""A tiny training: grey 6 x 5 images, binarised anew each epoch, and a model of a few hundred weights."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

TRAIN, VALIDATION, BATCH = 61, 21, 8  # 8 steps an epoch, the last with 5 images


@pytest.fixture
def source(tmp_path: Path) -> str:
    random = np.random.default_rng(0)
    sizes = {"train": TRAIN, "validation": VALIDATION}
    np.savez(tmp_path / "x.npz", **{k: random.integers(0, 256, (n, 6, 5), dtype=np.uint8) for k, n in sizes.items()})
    return f"npz:{tmp_path / 'x.npz'}"


@pytest.fixture
def source_without_validation(tmp_path: Path) -> str:
    images = np.random.default_rng(0).integers(0, 256, (TRAIN, 6, 5), dtype=np.uint8)
    np.savez(tmp_path / "y.npz", train=images)
    return f"npz:{tmp_path / 'y.npz'}"


@pytest.fixture
def tiny(source: str) -> Callable[..., dict[str, Any]]:
    """tiny(**{"trainer.max_steps": 3}): the tiny recipe with some fields changed."""

    def recipe(**changes: Any) -> dict[str, Any]:
        tree: dict[str, Any] = {
            "model": {"name": "PixelSNAIL", "channels": 4, "blocks": 1, "residuals": 1, "key": 2, "value": 2},
            "data": {"source": source, "binarize": "dynamic", "batch": BATCH},
            "optimizer": {"lr": 0.01, "ema": 0.9, "schedule": "exponential", "decay": 0.99},
            "run": {"log": 2, "samples": 0, "checkpoint": 5},
            "trainer": {"max_steps": 12, "accelerator": "cpu"},
        }
        for name, value in changes.items():
            section, _, key = name.partition(".")
            if key:
                tree[section][key] = value
            else:
                tree[section] = value
        return tree

    return recipe


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
