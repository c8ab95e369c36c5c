"""The examples run, in a short form, from the folder where their readers would run them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_pipeline_of_latent_images_runs(tmp_path):
    pytest.importorskip("vector_quantize_pytorch")
    command = [sys.executable, str(ROOT / "examples/vqvae/run.py"), "--short", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    for level, places in (("top", 49), ("bottom", 196)):
        bits = report[f"{level}_nats"] / (places * np.log(2))
        assert report[f"{level}_bits_per_dim"] == pytest.approx(bits)
        assert 1 <= report[f"{level}_perplexity"] <= 16
        assert report[f"{level}_histogram_bits_per_dim"] == pytest.approx(np.log2(report[f"{level}_perplexity"]))
    with np.load(tmp_path / "codes.npz") as codes:
        assert codes["test_top"].shape == (500, 7, 7)
        assert codes["train_bottom"].shape == (5000, 14, 14)
        assert codes["train_labels"].shape == (5000,)
    for name in ("samples", "completions", "reconstructions"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.size[0] > 100


def test_the_recipes_of_the_example_are_recipes():
    from pixelsnail.training import read

    top, bottom = (read(ROOT / f"examples/vqvae/{level}.yaml") for level in ("top", "bottom"))
    assert (top.data.source, bottom.data.source) == (
        "npz:runs/vqvae/codes.npz#top",
        "npz:runs/vqvae/codes.npz#bottom",
    )
    assert (top.data.maps, bottom.data.maps) == (None, "top")
