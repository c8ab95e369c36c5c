"""`pixelsnail detect fit`, `detect` and `restore`."""

import csv
import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def detector(pixelsnail, run, source, tmp_path):
    outcome = pixelsnail(
        "detect", "fit", run, "--data", source, "--split", "train", "--binarize", "threshold", "--rate", 0.1,
        "--pixel-rate", 0.05, "--out", tmp_path / "d.json",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert "for 10 % of images" in outcome.out
    return tmp_path / "d.json"


def test_files_are_judged_and_drawn_and_restored(pixelsnail, run, files, detector, tmp_path):
    line = ("detect", run, "--images", *files, "--detector", detector)
    outcome = pixelsnail(*line, "--out", tmp_path / "f.csv", "--maps", tmp_path / "maps")
    assert outcome.status == 0, outcome.err
    with open(tmp_path / "f.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(files)
    names = ["nats", "p_nats", "typicality", "p_typicality", "complexity", "p_complexity"]
    assert [name for name in rows[0] if name not in ("index", "file", "anomalous", "pixels")] == names
    for row in rows:
        assert row["anomalous"] == str(int(float(row["p_nats"]) <= 0.1))
    assert len(list((tmp_path / "maps").iterdir())) == len(files)
    told = json.loads(pixelsnail(*line, "--out", tmp_path / "f.csv", "--overwrite", "--json").out)
    assert told["anomalous"] == sum(int(row["anomalous"]) for row in rows)
    outcome = pixelsnail(
        "restore", run, "--images", *files, "--detector", detector, "--particles", 4, "--out", tmp_path / "r"
    )
    assert outcome.status == 0, outcome.err
    with np.load(tmp_path / "r" / "restored.npz") as arrays:
        kept = ~arrays["replaced"]
        assert (arrays["restored"][kept] == arrays["x"][kept]).all()
    with Image.open(tmp_path / "r" / "restored.png") as picture:
        assert picture.size[0] > 100


def test_what_does_not_fit_is_one_sentence(pixelsnail, run, source, detector, tmp_path):
    out = ("--out", tmp_path / "f.csv")
    (tmp_path / "no.json").write_text("{}")
    for words, refusal in (
        (("detect", run, "--data", source, "--detector", detector, *out), "binarisation threshold, but"),
        (("detect", run, "--data", source, "--detector", tmp_path / "no.json", *out), "is not a detector"),
        (("detect", "mnist", "--detector", detector, *out), "fitted to another model"),
        (("detect", "fit", run, "--data", source, "--out", tmp_path / "e.json"), "needs 99"),
        (("detect", "fit", run, "--data", source, "--rate", 2, "--out", tmp_path / "e.json"), "a share above 0"),
    ):
        outcome = pixelsnail(*words)
        assert outcome.status in (1, 2)
        assert refusal in outcome.err
        assert outcome.err.count("pixelsnail: ") == 1
