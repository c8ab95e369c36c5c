import csv
import json

import pytest
from PIL import Image


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_agrees_with_evaluate(pixelsnail, run, tmp_path):
    outcome = pixelsnail("score", run, "--out", tmp_path / "s.csv", "--limit", 5)
    assert (outcome.status, outcome.out) == (0, "")
    assert "Scored 5 images, mean " in outcome.err
    rows = table(tmp_path / "s.csv")
    assert [row["index"] for row in rows] == list("01234")
    found = json.loads(pixelsnail("evaluate", run, "--limit", 5, "--json").out)
    assert sum(float(row["nats"]) for row in rows) / 5 == pytest.approx(found["nats"], rel=1e-9)
    assert sum(float(row["bits_per_dim"]) for row in rows) / 5 == pytest.approx(found["bits_per_dim"], rel=1e-9)


def test_every_image_has_a_map_and_stale_ones_go(pixelsnail, run, tmp_path):
    line = ("score", run, "--out", tmp_path / "s.csv", "--maps", tmp_path / "maps", "--limit")
    assert pixelsnail(*line, 3).status == 0
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == [f"surprise_{i:06}.png" for i in range(3)]
    (tmp_path / "s.csv").unlink()
    outcome = pixelsnail(*line, 1)
    assert outcome.status == 1
    assert "holds maps already" in outcome.err
    assert not (tmp_path / "s.csv").exists()
    assert pixelsnail(*line, 1, "--overwrite").status == 0
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["surprise_000000.png"]


def test_image_files_are_named(pixelsnail, run, files, tmp_path):
    outcome = pixelsnail("score", run, "--images", *files, "--out", tmp_path / "s.csv")
    assert outcome.status == 0
    assert [row["file"] for row in table(tmp_path / "s.csv")] == [str(file) for file in files]


def test_colour_files_become_grey_for_a_grey_model_as_pillow_makes_them(pixelsnail, run, tmp_path):
    paths = []
    for name, mode in {"colour": "RGB", "grey": "L"}.items():
        image = Image.linear_gradient("L").resize((5, 6)).convert("RGB")
        image.putpixel((2, 1), (250, 10, 20))
        image.convert(mode).save(tmp_path / f"{name}.png")
        paths.append(tmp_path / f"{name}.png")
    for path in paths:
        outcome = pixelsnail("score", run, "--images", path, "--out", path.with_suffix(".csv"))
        assert outcome.status == 0
        assert ("made grey" in outcome.err) == (path.stem == "colour")
    colour, grey = (table(path.with_suffix(".csv"))[0] for path in paths)
    assert colour["nats"] == grey["nats"]


def test_images_of_another_size_than_the_model_was_built_for_are_said(pixelsnail, run, tmp_path):
    outcome = pixelsnail("score", run, "--data", "mnist-mini", "--limit", 2, "--out", tmp_path / "s.csv")
    assert outcome.status == 0
    assert "The images are 28 x 28, but the model was built for 6 x 5" in outcome.err
