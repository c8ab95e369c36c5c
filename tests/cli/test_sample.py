import numpy as np
import torch
from PIL import Image

import pixelsnail as package
from pixelsnail.checkpoints import save
from pixelsnail.models import PixelCNNpp


def test_an_array_holds_what_the_model_draws_and_can_be_read_again(pixelsnail, run, tmp_path):
    out = tmp_path / "new" / "x.npz"
    outcome = pixelsnail("sample", run, "--count", 3, "--seed", 5, "--temperature", 0.7, "--out", out)
    assert (outcome.status, outcome.out) == (0, "")
    assert "Drew 3 images of 6 x 5 in" in outcome.err
    assert outcome.err.splitlines()[-1] == f"Next: pixelsnail complete {run} --known top --out completions"
    with np.load(out) as arrays:
        x = arrays["x"]
    assert (x.shape, x.dtype) == ((3, 1, 6, 5), np.uint8)
    assert torch.equal(torch.from_numpy(x), package.load(run).sample(3, seed=5, temperature=0.7))
    assert package.data.open(f"npz:{out}", "train").levels == 2


def test_engine_and_batch_change_nothing(pixelsnail, run, tmp_path):
    found = []
    for name, options in {"a": [], "b": ["--batch", 2], "c": ["--engine", "naive"]}.items():
        line = ("sample", run, "--count", 3, "--precision", "float64", "--out", tmp_path / f"{name}.npz", *options)
        assert pixelsnail(*line).status == 0
        with np.load(tmp_path / f"{name}.npz") as arrays:
            found.append(arrays["x"])
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


def test_a_picture_is_a_grid(pixelsnail, run, tmp_path):
    assert pixelsnail("sample", run, "--count", 4, "--size", "3x4", "--out", tmp_path / "x.png").status == 0
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.mode == "L"


def test_quiet_says_nothing(pixelsnail, run, tmp_path):
    outcome = pixelsnail("sample", run, "--count", 1, "--quiet", "--out", tmp_path / "x.npz")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")


def test_a_file_is_replaced_only_when_asked(pixelsnail, run, tmp_path):
    out = tmp_path / "x.npz"
    out.write_bytes(b"before")
    outcome = pixelsnail("sample", run, "--count", 1, "--out", out)
    assert outcome.status == 1
    assert "x.npz is there already; replace it with --overwrite" in outcome.err
    assert out.read_bytes() == b"before"
    assert pixelsnail("sample", run, "--count", 1, "--out", out, "--overwrite").status == 0
    assert out.read_bytes()[:2] == b"PK"


def test_a_folder_gets_an_image_a_file(pixelsnail, run, tmp_path):
    out = tmp_path / "images"
    assert pixelsnail("sample", run, "--count", 3, "--seed", 5, "--out", f"{out}/").status == 0
    assert sorted(path.name for path in out.iterdir()) == ["000000.png", "000001.png", "000002.png"]
    x = package.load(run).sample(3, seed=5)
    for index, levels in enumerate(x):
        with Image.open(out / f"{index:06}.png") as picture:
            assert (np.asarray(picture) == 255 * levels[0].numpy()).all()
    (out / "other.txt").write_text("")
    outcome = pixelsnail("sample", run, "--count", 1, "--out", f"{out}/")
    assert outcome.status == 1
    assert "holds numbered images already; replace them with --overwrite" in outcome.err
    assert pixelsnail("sample", run, "--count", 1, "--out", f"{out}/", "--overwrite").status == 0
    assert sorted(path.name for path in out.iterdir()) == ["000000.png", "other.txt"]


def test_a_conditional_model_needs_a_class_at_the_command_line(pixelsnail, tmp_path):
    save(PixelCNNpp((1, 8, 8), 4, channels=8, residuals=1, mixtures=2, classes=3), tmp_path / "model")
    outcome = pixelsnail("sample", tmp_path / "model", "--count", 2, "--out", tmp_path / "x.npz")
    assert outcome.status == 2
    assert "is conditioned on classes 0 ... 2; say which to draw with --context LABEL." in outcome.err
    line = ("sample", tmp_path / "model", "--count", 2, "--context", 1, "--out", tmp_path / "x.npz")
    assert pixelsnail(*line).status == 0
    images = {"train": np.zeros((20, 8, 8), np.uint8), "test": np.ones((4, 8, 8), np.uint8)}
    np.savez(tmp_path / "bare.npz", levels=4, **images)
    np.savez(
        tmp_path / "labelled.npz", levels=4, **images, train_labels=np.arange(20) % 3, test_labels=np.arange(4) % 3
    )
    for command, *options in (
        ("evaluate", "--json"),
        ("score", "--out", tmp_path / "s.csv", "--overwrite"),
        ("complete", "--known", "top", "--draws", 1, "--out", tmp_path / "c", "--overwrite"),
    ):
        outcome = pixelsnail(command, tmp_path / "model", "--data", f"npz:{tmp_path}/bare.npz", *options)
        assert outcome.status == 2
        assert "has no labels; say which class with --context LABEL" in outcome.err
        line = (command, tmp_path / "model", "--data", f"npz:{tmp_path}/bare.npz", "--context", 1, *options)
        assert pixelsnail(*line).status == 0
        line = (command, tmp_path / "model", "--data", f"npz:{tmp_path}/labelled.npz", *options)
        assert pixelsnail(*line).status == 0
