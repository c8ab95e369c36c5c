import json
import math
import re

import numpy as np
import pytest
import torch

import pixelsnail as package
from pixelsnail import checkpoints, data
from tolerance import close_to


def test_the_table_says_how_many_images_and_how_they_were_binarised(pixelsnail, run):
    outcome = pixelsnail("evaluate", run)
    assert outcome.status == 0
    rows = dict(line.split(maxsplit=1) for line in outcome.out.splitlines())
    assert rows["images"].startswith("11 (npz:")
    assert rows["binarisation"] == "dynamic, 1 draw of each image"
    assert "+-" in rows["nats/image"]
    assert {"bits/dim", "bits/image", "precision", "seconds"} < set(rows)
    read, next_one = outcome.err.splitlines()
    assert read.endswith("test: 11 images; grey, 6 x 5; 256 levels (as of 8 bits) -> 2 (dynamic); no labels")
    assert next_one == f"Next: pixelsnail score {run} --out scores.csv --maps maps --limit 20"


def test_json_has_full_precision_and_obeys_its_definitions(pixelsnail, run):
    found = json.loads(pixelsnail("evaluate", run, "--json", "--quiet").out)
    images = data.open(found["source"], "test", binarize="dynamic")
    with torch.inference_mode():
        nats = -package.load(run).log_prob(images.batch(range(11)))
    assert found["nats"] == pytest.approx(nats.mean().item(), rel=1e-9)
    assert found["bits_per_dim"] == pytest.approx(found["nats"] / (30 * math.log(2)), rel=1e-12)
    assert found["nats_standard_error"] == pytest.approx(nats.std().item() / math.sqrt(11), rel=1e-9)


def test_ten_images_have_the_same_nats_in_batches_of_1_4_and_10(pixelsnail, run):
    line = ("evaluate", run, "--limit", 10, "--json", "--batch")
    found = [json.loads(pixelsnail(*line, batch).out) for batch in (1, 4, 10)]
    assert [one["images"] for one in found] == [10, 10, 10]
    assert [one["nats"] for one in found] == close_to([found[0]["nats"]] * 3)


def test_a_second_evaluation_of_dynamic_bits_gives_the_same_number(pixelsnail, run):
    first, second = (json.loads(pixelsnail("evaluate", run, "--binarizations", 3, "--json").out) for _ in range(2))
    assert first["nats"] == second["nats"]
    assert first["binarizations"] == 3
    assert first["nats_by_binarization"] == second["nats_by_binarization"]
    assert len(set(first["nats_by_binarization"])) == 3
    shown = pixelsnail("evaluate", run, "--binarizations", 3).out
    least, most = min(first["nats_by_binarization"]), max(first["nats_by_binarization"])
    assert f"{least:.2f} to {most:.2f} nats/image, standard deviation" in shown


def test_another_source_another_split_another_precision(pixelsnail, bare):
    line = ("evaluate", bare, "--data", "mnist-mini", "--split", "validation", "--limit", 5, "--json")
    single, double = (json.loads(pixelsnail(*line, "--precision", p).out) for p in ("float32", "float64"))
    assert (single["source"], single["split"], single["images"]) == ("mnist-mini", "validation", 5)
    assert single["nats"] == close_to(double["nats"])
    assert single["nats"] != double["nats"]
    rough = json.loads(pixelsnail(*line, "--precision", "bfloat16").out)
    assert rough["precision"] == "bfloat16"
    assert rough["nats"] == pytest.approx(double["nats"], rel=1e-2)


def test_images_held_out_from_training_are_the_runs_validation_images(pixelsnail, run, tmp_path):
    np.savez(tmp_path / "one.npz", train=np.random.default_rng(0).integers(0, 256, (20, 6, 5), dtype=np.uint8))
    (run / "recipe.yaml").write_text(
        f"model: {{name: PixelSNAIL}}\ndata: {{source: 'npz:{tmp_path}/one.npz', binarize: threshold, validation: 7}}\n"
    )
    found = json.loads(pixelsnail("evaluate", run, "--split", "validation", "--json").out)
    assert (found["images"], found["binarize"]) == (7, "threshold")


def test_one_image_has_no_standard_error(pixelsnail, run):
    assert json.loads(pixelsnail("evaluate", run, "--limit", 1, "--json").out)["nats_standard_error"] is None
    assert "+-" not in pixelsnail("evaluate", run, "--limit", 1).out


def test_the_figure_for_a_whole_test_set_is_kept_for_info(pixelsnail, run):
    pixelsnail("evaluate", run, "--limit", 3)
    pixelsnail("evaluate", run, "--split", "validation")
    assert "test_nats" not in checkpoints.about(run)
    nats = json.loads(pixelsnail("evaluate", run, "--json").out)["nats"]
    assert checkpoints.about(run)["test_nats"] == nats
    shown = pixelsnail("info", run).out
    assert re.search(rf"test nats +{nats:.2f} \+- \d+\.\d\d an image", shown)
    assert "11 images, binarisation dynamic" in shown


def another_run(tmp_path, name="other", levels=2, **about):
    torch.manual_seed(5)
    model = package.PixelSNAIL((1, 6, 5), levels, channels=4, blocks=1, residuals=1, key=2, value=2)
    checkpoints.save(model, tmp_path / name / "model", about=about)
    return tmp_path / name


def test_runs_are_compared_on_the_same_images_image_by_image(pixelsnail, run, source, tmp_path):
    other = another_run(tmp_path, source=source, binarize="dynamic")
    line = ("evaluate", run, other, "--binarizations", 2)
    found = json.loads(pixelsnail(*line, "--json").out)
    images = data.open(source, "test", binarize="dynamic")
    x = [images.batch(range(11), epoch) for epoch in (0, 1)]
    with torch.inference_mode():
        nats = [sum(-package.load(one).log_prob(draw) for draw in x) / 2 for one in (run, other)]
    difference = nats[1] - nats[0]
    first, second = found["runs"]
    assert (found["images"], found["binarize"], found["binarizations"]) == (11, "dynamic", 2)
    assert (first["difference"], first["nats"]) == (0, close_to(nats[0].mean().item()))
    assert second["difference"] == close_to(difference.mean().item())
    assert second["difference_standard_error"] == close_to(difference.std().item() / math.sqrt(11))
    outcome = pixelsnail(*line)
    header, *rows, protocol = outcome.out.splitlines()
    assert f"minus {run}" in header
    assert [row.split()[0] for row in rows] == [str(run), str(other)]
    assert protocol == f"11 images of {source} (test), binarisation dynamic, 2 draws of each image"
    assert checkpoints.about(other)["test_nats"] == pytest.approx(second["nats"])


def test_different_protocols_are_refused_in_one_table(pixelsnail, run, source, tmp_path):
    bits = another_run(tmp_path, source=source, binarize="threshold")
    outcome = pixelsnail("evaluate", run, bits)
    assert (outcome.status, outcome.out) == (1, "")
    assert f"{run} was trained on dynamic and {bits} on threshold: nats of different images or" in outcome.err
    assert pixelsnail("evaluate", run, bits, "--binarize", "dynamic").status == 0
    grey = another_run(tmp_path, "grey", levels=256, source=source, binarize="dynamic")
    outcome = pixelsnail("evaluate", run, grey)
    assert (outcome.status, outcome.out) == (1, "")
    assert f"{grey} models images of 1 channels and 256 levels, {run} images of 1 and 2" in outcome.err


def test_a_picture_shows_where_the_nats_are(pixelsnail, run, source, tmp_path):
    other = another_run(tmp_path, source=source, binarize="dynamic")
    picture = tmp_path / "positions.svg"
    outcome = pixelsnail("evaluate", run, other, "--positions", picture)
    assert outcome.status == 0
    assert f"Drew the nats of 2 runs: {picture}" in outcome.err
    text = picture.read_text()
    assert text.count("<image") >= 3  # two maps and a difference
    assert pixelsnail("evaluate", run, "--positions", picture).status == 1
    assert picture.read_text() == text
    assert pixelsnail("evaluate", run, "--positions", picture, "--overwrite").status == 0
    assert pixelsnail("evaluate", run, "--positions", tmp_path / "a.txt").status == 2
