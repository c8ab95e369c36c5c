import json

import pytest
import torch

from pixelsnail import checkpoints
from tiny import pixelcnn


@pytest.fixture
def cnn(tmp_path, source):
    """A run of a PixelCNN, which has a blind spot."""
    checkpoints.save(pixelcnn((1, 6, 5), 2), tmp_path / "cnn/model", about={"source": source, "binarize": "dynamic"})
    return tmp_path / "cnn"


def test_a_table_and_a_figure(pixelsnail, run, cnn, tmp_path):
    out = tmp_path / "field.svg"
    outcome = pixelsnail("receptive-field", run, cnn, "--pixel", "4,0", "--out", out)
    assert outcome.status == 0
    header, first, second = outcome.out.splitlines()
    assert "can matter" in header
    assert "half within" in header
    assert first.split()[:5] == ["run", "20", "of", "20", "0"]
    assert second.split()[0] == "cnn"
    assert second.split()[1:5] == ["19", "of", "20", "1"]  # all but row 3, column 4, the blind spot
    assert f"Drew the receptive field of pixel 4,0: {out}" in outcome.err
    text = out.read_text()
    assert text.count("<image") >= 6  # three maps of each
    assert pixelsnail("receptive-field", run, "--out", out).status == 1
    assert out.read_text() == text


def test_json_has_all_numbers(pixelsnail, run, tmp_path):
    line = ("receptive-field", run, "--pixel", "5,4", "--images", 2, "--threshold", 0.5, "--json")
    found = json.loads(pixelsnail(*line, "--out", tmp_path / "a.png").out)
    (one,) = found["runs"]
    assert (one["pixel"], one["images"], one["earlier_pixels"], one["can_matter_pixels"]) == ([5, 4], 2, 29, 29)
    assert one["cannot_matter_pixels"] == 0
    for field in ("initial", "trained"):
        assert 0 < one[field]["share_above_threshold"] <= 1
        assert 1 <= one[field]["half_distance_pixels"] < 8


def test_json_of_a_model_that_nothing_influences_has_no_distance(pixelsnail, source, tmp_path):
    model = pixelcnn((1, 6, 5), 2)
    for weight in model.parameters():
        torch.nn.init.zeros_(weight)
    checkpoints.save(model, tmp_path / "zero/model", about={"source": source, "binarize": "dynamic"})
    line = ("receptive-field", tmp_path / "zero", "--out", tmp_path / "a.png")
    (one,) = json.loads(pixelsnail(*line, "--json").out)["runs"]
    assert one["trained"] == {"share_above_threshold": 0, "half_distance_pixels": None}
    assert one["initial"]["half_distance_pixels"] > 0
    assert one["can_matter_pixels"] > 0  # of its configuration, whatever the weights


def test_a_bare_model_stands_beside_a_run_of_another_size(pixelsnail, run, tmp_path):
    """The name of a model is for digits of 28 x 28, the run for images of 6 x 5."""
    line = ("receptive-field", "ImageGPT", run, "--images", 1, "--json", "--out", tmp_path / "a.png")
    bare, trained = json.loads(pixelsnail(*line).out)["runs"]
    # All but 20,27: the 3 x 3 stem puts the last pixel of a row into the features of later places alone.
    assert (bare["pixel"], bare["can_matter_pixels"], bare["trained"]) == ([21, 14], 601, None)
    assert trained["pixel"] == [4, 2]
    assert trained["trained"] is not None
    assert (tmp_path / "a.png").is_file()


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("--pixel", "9,9"), 1, "The pixel 9,9 is outside an image of 6 x 5"),
        (("--pixel", "0,0"), 1, "The pixel 0,0 has no earlier pixel"),
        (("--pixel", "3"), 2, "--pixel is '3'; expected ROW,COLUMN, such as 21,14"),
        (("--threshold", "0"), 2, "expected a number above 0"),
    ],
)
@pytest.mark.parametrize("command", ["receptive-field", "attention"])
def test_a_wrong_argument_is_one_sentence(pixelsnail, run, tmp_path, command, words, status, sentence):
    if command == "attention" and "--threshold" in words:
        return
    outcome = pixelsnail(command, run, "--out", tmp_path / "a.png", *words)
    assert (outcome.status, outcome.out) == (status, "")
    assert sentence in outcome.err
    *read, last = outcome.err.splitlines()
    assert last.startswith("pixelsnail: ")
    assert len(read) <= 1  # what was read, where that went well
    assert not (tmp_path / "a.png").exists()


def test_a_name_that_is_neither_run_nor_model_names_the_nearest(pixelsnail, tmp_path):
    outcome = pixelsnail("receptive-field", "PixelSNAL", "--out", tmp_path / "a.png")
    assert (outcome.status, outcome.out) == (1, "")
    assert "There is no run or model PixelSNAL; did you mean 'PixelSNAIL'?" in outcome.err


def test_a_run_named_twice_is_refused(pixelsnail, run, tmp_path):
    outcome = pixelsnail("receptive-field", run, run, "--out", tmp_path / "a.png")
    assert outcome.status == 2
    assert "named twice" in outcome.err


def test_attention_is_drawn(pixelsnail, run, tmp_path):
    out = tmp_path / "attention.svg"
    outcome = pixelsnail("attention", run, "--out", out, "--image", 3, "--pixel", "2,3", "--pixel", "4,1")
    assert outcome.status == 0
    assert f"Drew the attention of 2 pixels in 1 block: {out}" in outcome.err
    assert out.read_text().count("<image") >= 4  # two images and two maps
    outcome = pixelsnail("attention", run, "--out", tmp_path / "b.png", "--image", 99)
    assert outcome.status == 2
    assert "--image is 99, but" in outcome.err


def test_a_model_without_attention_says_so(pixelsnail, cnn, tmp_path):
    outcome = pixelsnail("attention", cnn, "--out", tmp_path / "a.png")
    assert (outcome.status, outcome.out) == (1, "")
    assert "This PixelCNN has no attention to single earlier pixels" in outcome.err
