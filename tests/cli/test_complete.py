import numpy as np
import pytest
from PIL import Image


def arrays_in(folder):
    with np.load(folder / "completions.npz") as arrays:
        return dict(arrays)


def test_the_upper_half_is_kept_and_the_rest_is_drawn(pixelsnail, run, tmp_path):
    out = tmp_path / "out"
    outcome = pixelsnail("complete", run, "--known", "top", "--count", 3, "--draws", 2, "--out", out)
    assert (outcome.status, outcome.out) == (0, "")
    assert "not an upper part" not in outcome.err
    found = arrays_in(out)
    assert found["completed"].shape == (3, 2, 1, 6, 5)
    assert (found["completed"][:, :, :, :3] == found["x"][:, None, :, :3]).all()
    assert (found["completed"][:, 0] != found["completed"][:, 1]).any()
    assert found["known"][:3].all()
    assert not found["known"][3:].any()
    assert (out / "completions.png").is_file()


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_mask_image_is_known_where_it_is_white(pixelsnail, run, tmp_path, mode):
    mask = np.zeros((6, 5), dtype=np.uint8)
    mask[2:4, 1:3] = 255
    Image.fromarray(mask).convert(mode).save(tmp_path / "mask.png")
    line = ("complete", run, "--known", tmp_path / "mask.png", "--count", 2, "--out", tmp_path / "out")
    outcome = pixelsnail(*line)
    assert outcome.status == 0
    assert "not an upper part of the image" in outcome.err
    assert (arrays_in(tmp_path / "out")["known"] == (mask > 0)).all()


def test_image_files_are_binarised_by_threshold_which_is_said(pixelsnail, run, files, tmp_path):
    outcome = pixelsnail("complete", run, "--images", *files, "--known", "left", "--out", tmp_path / "out")
    assert outcome.status == 0
    assert "files, all: 2 images; grey, 6 x 5; 256 levels -> 2 (threshold)" in outcome.err
    with Image.open(files[1]) as image:
        assert (arrays_in(tmp_path / "out")["x"][1, 0] == (np.asarray(image) >= 128)).all()


def test_a_mask_of_another_size_is_refused(pixelsnail, run, tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "mask.png")
    outcome = pixelsnail("complete", run, "--known", tmp_path / "mask.png", "--out", tmp_path / "out")
    assert outcome.status == 1
    assert "is 4 x 4, but the images are 6 x 5" in outcome.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("particles", [(), ("--particles", 2)])
@pytest.mark.parametrize("value", [0, 255])
def test_a_mask_of_everything_or_of_nothing_is_refused(pixelsnail, run, tmp_path, particles, value):
    Image.new("L", (5, 6), value).save(tmp_path / "mask.png")
    line = ("complete", run, "--known", tmp_path / "mask.png", "--out", tmp_path / "out", *particles)
    outcome = pixelsnail(*line)
    assert outcome.status == 1
    assert f"has the value {value} everywhere; expected two values, of which the larger is known" in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_mask_that_is_not_there_is_refused(pixelsnail, run, tmp_path):
    outcome = pixelsnail("complete", run, "--known", tmp_path / "mask.png", "--out", tmp_path / "out")
    assert outcome.status == 1
    assert "There is no file" in outcome.err


def test_particles_complete_a_hole_and_say_what_they_are_worth(pixelsnail, run, tmp_path):
    mask = np.full((6, 5), 255, dtype=np.uint8)
    mask[2:4, 1:3] = 0
    Image.fromarray(mask).save(tmp_path / "mask.png")
    line = ("complete", run, "--known", tmp_path / "mask.png", "--count", 2, "--out", tmp_path / "out")
    outcome = pixelsnail(*line, "--particles", 6, "--draws", 3)
    assert outcome.status == 0, outcome.err
    assert "weigh 6 particles of each image" in outcome.err
    header, *rows = outcome.out.splitlines()
    assert header.split("   ")[-1].strip() == "distinct"
    assert [row.split()[0] for row in rows] == ["0", "1"]
    found = arrays_in(tmp_path / "out")
    assert found["completed"].shape == (2, 3, 1, 6, 5)
    assert (found["completed"][..., mask > 0] == found["x"][:, None][..., mask > 0]).all()
    assert (found["log_evidence"] < 0).all()
    moved = pixelsnail(*line, "--overwrite", "--particles", 6, "--draws", 3, "--refine", 2)
    assert moved.status == 0, moved.err
    assert "weigh 6 particles of each image, which move in 2 sweeps" in moved.err
    assert "moves taken" in moved.out.splitlines()[0]
    after = arrays_in(tmp_path / "out")
    assert (after["moved"] > 0).all()
    assert (after["log_evidence"] == found["log_evidence"]).all()
    assert (after["completed"] != found["completed"]).any()
    for wrong, words in (
        (("--particles", 0), "--particles is '0'"),
        (("--particles", 2, "--temperature", 0.5), "particles weigh by"),
        (("--refine", 2), "--refine moves --particles; expected both"),
        (("--particles", 2, "--refine", -1), "--refine is '-1'"),
        (("--particles", 2, "--order", 1), "knows the raster order alone"),
    ):
        refused = pixelsnail(*line, "--overwrite", *wrong)
        assert refused.status in (1, 2)
        assert words in refused.err
