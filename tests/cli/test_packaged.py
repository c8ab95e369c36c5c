"""The trained model that comes with the package: found by its name, never written to."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

import pixelsnail as package
from pixelsnail import checkpoints, data
from pixelsnail.checkpoints.folder import PACKAGED

ROOT = Path(__file__).parents[2]


def content() -> dict[str, tuple[int, bytes]]:
    """Every file of the packaged models, with its time."""
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in PACKAGED.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def _elsewhere_and_nothing_is_written(tmp_path, monkeypatch):
    before = content()
    monkeypatch.chdir(tmp_path)
    yield
    assert content() == before


def test_it_loads_by_its_name_in_float32():
    model = package.load("mnist")
    assert (model.shape, model.levels, model.training) == ((1, 28, 28), 2, False)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert "mnist" in checkpoints.packaged()


def test_it_is_small_and_names_no_place_of_a_machine():
    assert sum(len(bytes_) for _, bytes_ in content().values()) < 6_000_000
    for name in checkpoints.packaged():
        assert "/" not in (PACKAGED / name / "about.json").read_text()


def test_it_has_about_the_stated_nats_on_embedded_digits_it_never_saw():
    about = checkpoints.about("mnist")
    x = data.open("mnist-mini", "test", binarize="dynamic").batch(range(24))
    with torch.no_grad():
        nats = -package.load("mnist").log_prob(x).mean().item()
    error = about["embedded_nats_standard_error"] * (500 / 24) ** 0.5
    assert abs(nats - about["embedded_nats"]) < 4 * error


def test_the_model_of_photographs_codes_crops_it_never_saw_in_fewer_bits_than_jpeg_xl():
    pytest.importorskip("skimage")
    pytest.importorskip("sklearn")
    model = package.load("photos")
    x = data.open("photos", "test").batch(range(16))
    with torch.no_grad():
        bits = -model.log_prob(x, order=0) / math.log(2)
    assert bits.mean() / x[0].numel() < 3.6  # JPEG XL, lossless, takes 3.757 for these


def test_info_says_size_training_nats_and_licence(pixelsnail):
    outcome = pixelsnail("info", "mnist")
    assert outcome.status == 0
    about = checkpoints.about("mnist")
    assert "mnist, comes with pixelsnail" in outcome.out
    assert "930,817" in outcome.out
    assert f"{about['test_nats']:.2f} +- {about['test_nats_standard_error']:.2f} an image" in outcome.out
    assert {"steps trained", "epochs", "time trained", "recipe", "seed", "licence"} <= {
        line.partition("   ")[0].strip() for line in outcome.out.splitlines()
    }
    assert json.loads(pixelsnail("info", "mnist", "--json").out)["about"] == about


def test_every_command_takes_its_name(pixelsnail, tmp_path):
    assert pixelsnail("sample", "mnist", "--count", 2, "--size", "8x8", "--out", tmp_path / "x.png").status == 0
    with Image.open(tmp_path / "x.png") as picture:
        picture.load()
    found = json.loads(pixelsnail("evaluate", "mnist", "--limit", 2, "--binarizations", 2, "--json").out)
    assert (found["source"], found["images"], found["binarizations"]) == ("mnist-mini", 2, 2)
    assert pixelsnail("score", "mnist", "--limit", 2, "--out", tmp_path / "s.csv").status == 0
    line = ("complete", "mnist", "--known", "top", "--count", 1, "--draws", 1, "--out", tmp_path / "halves")
    assert pixelsnail(*line).status == 0


def test_a_figure_for_a_whole_test_set_is_not_written_into_the_package(pixelsnail, tmp_path):
    checkpoints.record("mnist", {"test_nats": 0.0})
    checkpoints.record(PACKAGED / "mnist", {"test_nats": 0.0})
    assert checkpoints.about("mnist")["test_nats"] > 0


def test_a_folder_of_its_name_wins(pixelsnail, tmp_path, run):
    (tmp_path / "mnist").mkdir()
    outcome = pixelsnail("info", "mnist")
    assert outcome.status == 1
    assert "mnist holds no model" in outcome.err
    assert "It hides the mnist that comes with pixelsnail" in outcome.err
    (tmp_path / "mnist").rmdir()
    run.rename(tmp_path / "mnist")
    assert package.load("mnist").shape == (1, 6, 5)


@pytest.mark.parametrize("name", ["mnst", "MNIST-fast", "runs/none"])
def test_an_unknown_name_lists_the_packaged_ones_in_one_sentence(pixelsnail, name):
    outcome = pixelsnail("info", name)
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (1, "", 1)
    assert f"There is no run {name}" in outcome.err
    assert f"comes with pixelsnail: {', '.join(checkpoints.packaged())}." in outcome.err


@pytest.mark.parametrize("page", ["README.md", "docs/how-to.md"])
def test_pages_state_what_its_own_file_states(page):
    about = checkpoints.about("mnist")
    stated = re.findall(r"<!-- mnist nats -->(.*?)<!-- / -->", (ROOT / page).read_text(encoding="utf-8"))
    assert stated
    assert set(stated) == {f"{about['test_nats']:.2f} +- {about['test_nats_standard_error']:.2f}"}
