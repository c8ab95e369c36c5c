"""A tiny run, tiny images, and `pixelsnail` as a function."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelsnail.checkpoints import save
from pixelsnail.cli import main
from pixelsnail.models import PixelSNAIL

SIZE = (6, 5)


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Pixelsnail = Callable[..., Outcome]


@pytest.fixture
def pixelsnail(capsys: pytest.CaptureFixture[str]) -> Pixelsnail:
    """pixelsnail("sample", run, "--count", 3): the exit status, stdout and stderr."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Outcome(status, *capsys.readouterr())

    return run


def tiny(shape: tuple[int, int, int] = (1, *SIZE), levels: int = 2) -> PixelSNAIL:
    return PixelSNAIL(shape, levels, channels=4, blocks=1, residuals=1, key=2, value=2)


@pytest.fixture
def source(tmp_path: Path) -> str:
    """61 training images, 21 for validation, 11 for test: grey, 6 x 5."""
    random = np.random.default_rng(0)
    sizes = {"train": 61, "validation": 21, "test": 11}
    np.savez(
        tmp_path / "grey.npz", **{k: random.integers(0, 256, (n, *SIZE), dtype=np.uint8) for k, n in sizes.items()}
    )
    return f"npz:{tmp_path / 'grey.npz'}"


@pytest.fixture
def run(tmp_path: Path, source: str) -> Path:
    """A run that says what it was trained on."""
    about = {"steps": 1200, "epochs": 2.5, "seconds": 75.2, "validation_nats": 19.5, "source": source}
    save(tiny(), tmp_path / "run" / "model", about={**about, "binarize": "dynamic", "seed": 0})
    return tmp_path / "run"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A model of which nothing else is known, for mnist-mini's size."""
    save(tiny((1, 28, 28)), tmp_path / "bare")
    return tmp_path / "bare"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two grey image files of 6 x 5."""
    random = np.random.default_rng(1)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        Image.fromarray(random.integers(0, 256, SIZE, dtype=np.uint8)).save(path)
    return paths


@pytest.fixture
def recipe(tmp_path: Path, source: str) -> Path:
    """Three steps of the tiny model on the tiny images."""
    path = tmp_path / "tiny.yaml"
    path.write_text(
        f"""
model: {{name: PixelSNAIL, channels: 4, blocks: 1, residuals: 1, key: 2, value: 2}}
data: {{source: '{source}', binarize: dynamic, batch: 8}}
run: {{samples: 0, validate: 0}}
trainer: {{max_steps: 3, accelerator: cpu}}
""",
        encoding="utf-8",
    )
    return path
