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


def test_a_folder_without_splits_is_scored_whole_and_every_row_is_named(pixelsnail, run, tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for number in range(20):
            Image.new("L", (5, 6), 10 * number).save(tmp_path / "images" / label / f"{number:02}.png")
    outcome = pixelsnail("score", run, "--data", f"folder:{tmp_path}/images", "--out", tmp_path / "s.csv")
    assert outcome.status == 0
    assert "all: 40 images; grey, 6 x 5; 256 levels -> 2 (dynamic); 2 classes (cat, dog)" in outcome.err
    rows = table(tmp_path / "s.csv")
    assert [row["index"] for row in rows] == [str(i) for i in range(40)]
    assert [row["class"] for row in rows] == ["cat"] * 20 + ["dog"] * 20
    assert [row["label"] for row in rows] == ["0"] * 20 + ["1"] * 20
    assert rows[21]["file"].endswith("dog/01.png")
    line = ("score", run, "--data", f"folder:{tmp_path}/images", "--split", "test", "--out", tmp_path / "t.csv")
    outcome = pixelsnail(*line)
    assert outcome.status == 0
    part = table(tmp_path / "t.csv")
    assert 0 < len(part) < 40
    for row in part:  # the index is that of the source
        assert rows[int(row["index"])]["file"] == row["file"]


def test_folders_and_patterns_may_be_named_where_files_may(pixelsnail, run, files, tmp_path):
    (tmp_path / "shots").mkdir()
    for file in files:
        file.rename(tmp_path / "shots" / file.name)
    for number, what in enumerate((tmp_path / "shots", tmp_path / "shots" / "*.png")):
        assert pixelsnail("score", run, "--images", what, "--out", tmp_path / f"{number}.csv").status == 0
    first, second = (table(tmp_path / f"{number}.csv") for number in range(2))
    assert [row["nats"] for row in first] == [row["nats"] for row in second]
    assert len(first) == 2


def test_an_option_without_its_files_is_wrong_usage(pixelsnail, run, tmp_path):
    outcome = pixelsnail("score", run, "--out", tmp_path / "s.csv", "--images")
    assert outcome.status == 2
    assert "--images has no value; expected --images FILE..." in outcome.err


def test_a_region_adds_its_nats_given_the_rest(pixelsnail, run, source, tmp_path):
    def rows(*words):
        outcome = pixelsnail("score", run, "--data", source, "--out", tmp_path / "s.csv", "--overwrite", *words)
        assert outcome.status == 0, outcome.err
        with open(tmp_path / "s.csv", newline="") as file:
            return list(csv.DictReader(file)), outcome.err

    parts = [rows("--region", half) for half in ("top", "bottom")]
    assert "region_nats is -log p(region | rest), exact" in parts[1][1]
    assert "some of the rest comes later" in parts[0][1]
    for top, bottom in zip(*(found for found, _ in parts), strict=True):
        assert float(top["region_nats"]) + float(bottom["region_nats"]) == pytest.approx(float(top["nats"]), rel=1e-5)
    found, said = rows("--region", "top", "--particles", 4, "--limit", 2)
    assert "with p(rest) by 4 particles" in said
    assert len(found) == 2
    for words, refusal in (
        (("--particles", 4), "--particles are for the rest of a --region"),
        (("--region", "botom"), "did you mean 'bottom'"),
    ):
        outcome = pixelsnail("score", run, "--data", source, "--out", tmp_path / "s.csv", "--overwrite", *words)
        assert outcome.status == 2
        assert refusal in outcome.err
