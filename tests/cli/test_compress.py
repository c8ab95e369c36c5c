"""Image files into one file and back."""

import re

import numpy as np
import pytest
from PIL import Image

from cli.conftest import tiny as build
from pixelsnail import codec
from pixelsnail.checkpoints import save
from pixelsnail.cli.decompress import file_names


@pytest.fixture
def bits(tmp_path):
    """Black and white files of two sizes, in two folders, in several modes."""
    random = np.random.default_rng(2)
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name, size, mode in (("a.png", (6, 5), "1"), ("b.bmp", (3, 4), "L"), ("deep/c.png", (6, 5), "RGB")):
        Image.fromarray(255 * random.integers(0, 2, size, dtype=np.uint8)).convert(mode).save(folder / name)
    return folder


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("numerics", ["portable", "fast"])
def test_what_goes_in_comes_out_under_its_own_name(pixelsnail, run, bits, tmp_path, numerics):
    packed, out = tmp_path / "x.psn", tmp_path / "out"
    outcome = pixelsnail("compress", run, bits, "--out", packed, "--numerics", numerics)
    assert (outcome.status, outcome.out) == (0, "")
    assert "3 images of 3 x 4, 6 x 5\n" in outcome.err
    said = re.search(
        r"Compressed 3 images, ([\d,]+) bytes as files, to ([\d,]+) bytes in .*\(-log2 p\(x\): ", outcome.err
    )
    assert said[1] == f"{sum(path.stat().st_size for path in bits.rglob('*.*')):,}"
    assert said[2] == f"{packed.stat().st_size:,}"
    assert f"Next: pixelsnail decompress {run} {packed}" in outcome.err
    outcome = pixelsnail("decompress", run, packed, "--out", out)
    assert (outcome.status, outcome.out) == (0, "")
    assert f"3 images of 3 x 4, 6 x 5, 2 levels, {numerics}; " in outcome.err
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.png")) == ["a.png", "b.png", "deep/c.png"]
    for name in ("a.png", "b.bmp", "deep/c.png"):
        path = (out / name).with_suffix(".png")
        assert path.read_bytes()[24:26] == b"\10\0"  # 8 bits, grey
        assert (pixels(path) == pixels(bits / name)).all()


def test_one_image_of_many(pixelsnail, run, bits, tmp_path):
    packed, out = tmp_path / "x.psn", tmp_path / "out"
    assert pixelsnail("compress", run, bits, "--out", packed).status == 0
    assert pixelsnail("decompress", run, packed, "--index", 1, "--out", out).status == 0
    assert [path.name for path in out.rglob("*.png")] == ["b.png"]
    outcome = pixelsnail("decompress", run, packed, "--index", 3, "--out", out)
    assert outcome.status == 1
    assert f"There is no image 3 in {packed}; it holds 3 images." in outcome.err
    outcome = pixelsnail("decompress", run, packed, "--out", out)
    assert outcome.status == 1
    assert f"{out / 'b.png'} is there already" in outcome.err
    assert not (out / "a.png").exists()
    assert pixelsnail("decompress", run, packed, "--out", out, "--overwrite").status == 0


@pytest.mark.parametrize(("shape", "levels"), [((3, 6, 5), 256), ((1, 6, 5), 256), ((1, 6, 5), 1024)])
def test_grey_and_colour(pixelsnail, tmp_path, shape, levels):
    save(build(shape, levels), tmp_path / "model")
    random = np.random.default_rng(0)
    size = (6, 5, 3) if shape[0] == 3 else (6, 5)
    x = random.integers(0, levels, size).astype(np.uint8 if levels == 256 else np.uint16)
    Image.fromarray(x).save(tmp_path / "x.png")
    packed, out = tmp_path / "x.psn", tmp_path / "out"
    assert pixelsnail("compress", tmp_path / "model", tmp_path / "x.png", "--out", packed).status == 0
    assert pixelsnail("decompress", tmp_path / "model", packed, "--out", out).status == 0
    with Image.open(out / "x.png") as image:
        assert (np.asarray(image) == x).all()


def test_images_of_a_source(pixelsnail, run, tmp_path):
    packed, out = tmp_path / "x.psn", tmp_path / "out"
    outcome = pixelsnail("compress", run, "--split", "test", "--out", packed)
    assert outcome.status == 0
    assert "-> 2 (dynamic)" in outcome.err
    assert pixelsnail("decompress", run, packed, "--out", out).status == 0
    assert len(list(out.glob("0000*.png"))) == 11


def test_nothing_is_lost_unasked(pixelsnail, run, files, tmp_path):
    line = ("compress", run, files[0], "--out", tmp_path / "x.psn")
    outcome = pixelsnail(*line)
    assert outcome.status == 1
    assert re.search(r"a\.png has grey levels \(\d+\) and this model is of black and white: they would", outcome.err)
    assert "the bits alone with --binarize threshold" in outcome.err
    assert not (tmp_path / "x.psn").exists()
    outcome = pixelsnail(*line, "--binarize", "threshold")
    assert outcome.status == 0
    assert "made bits (threshold): their grey levels are lost" in outcome.err
    Image.new("RGB", (5, 6), (255, 0, 0)).save(tmp_path / "red.png")
    outcome = pixelsnail("compress", run, tmp_path / "red.png", "--out", tmp_path / "y.psn")
    assert "is in colour and this model is of grey images" in outcome.err
    save(build(levels=256), tmp_path / "grey")
    Image.fromarray(np.full((6, 5), 1000, dtype=np.uint16)).save(tmp_path / "deep.png")
    outcome = pixelsnail("compress", tmp_path / "grey", tmp_path / "deep.png", "--out", tmp_path / "y.psn")
    assert "has 16 bits a channel and this model 256 levels" in outcome.err
    outcome = pixelsnail(
        "compress", tmp_path / "grey", files[0], "--binarize", "threshold", "--out", tmp_path / "y.psn"
    )
    assert outcome.status == 2


def test_what_cannot_be_is_said_in_one_line(pixelsnail, run, bits, bare, tmp_path):
    packed, out = tmp_path / "x.psn", tmp_path / "out"
    assert pixelsnail("compress", run, bits, "--out", packed).status == 0
    for line, status, said in (
        (("compress", run, bits, "--out", packed), 1, "is there already"),
        (("compress", run, bits, "--out", tmp_path / "x.zip"), 2, "expected .psn"),
        (("compress", run, bits, "--data", "mnist-mini", "--out", tmp_path / "y.psn"), 2, "not allowed with --data"),
        (("compress", run, tmp_path / "none.png", "--out", tmp_path / "y.psn"), 1, "There is no file"),
        (("decompress", run, tmp_path / "none.psn", "--out", out), 1, "There is no file"),
        (("decompress", run, tmp_path, "--out", out), 1, "is a folder"),
        (
            ("decompress", run, bits / "a.png", "--out", out),
            1,
            "compressed images (it begins with 89 50 4e 47)",
        ),
        (("decompress", bare, packed, "--out", out), 1, "were compressed with another model"),
    ):
        outcome = pixelsnail(*line)
        assert (outcome.status, outcome.out) == (status, "")
        assert said in outcome.err
        assert outcome.err.rstrip("\n").splitlines()[-1].startswith("pixelsnail: ")
    cut = packed.read_bytes()[:-3]
    packed.write_bytes(cut)
    assert "damaged or cut short" in pixelsnail("decompress", run, packed, "--out", out).err
    assert not out.exists()


def test_labels_are_kept(pixelsnail, tmp_path, bits):
    from pixelsnail.models import PixelSNAIL

    model = PixelSNAIL((1, 6, 5), 2, channels=4, blocks=1, residuals=1, key=2, value=2, classes=3)
    save(model, tmp_path / "model")
    packed = tmp_path / "x.psn"
    outcome = pixelsnail("compress", tmp_path / "model", bits, "--out", packed)
    assert outcome.status == 2
    assert "say which class the images are of with --context LABEL" in outcome.err
    assert pixelsnail("compress", tmp_path / "model", bits, "--context", 2, "--out", packed).status == 0
    assert codec.read(packed.read_bytes()).context.tolist() == [2, 2, 2]
    assert pixelsnail("decompress", tmp_path / "model", packed, "--out", tmp_path / "out").status == 0


def test_names_of_files():
    assert file_names(None, 2) == ["000000.png", "000001.png"]
    assert file_names(["a.png", "b.jpg", "b.bmp", "c.tif", "c.tif#1", "d"], 6) == [
        "a.png", "b.jpg.png", "b.bmp.png", "c.tif.png", "c.tif#1.png", "d.png",
    ]  # fmt: skip
    for name in ("/etc/x", "../x", "a/../../x", "..", ""):
        with pytest.raises(ValueError, match="lies outside of the folder"):
            file_names([name], 1)
    with pytest.raises(ValueError, match="names two images"):
        file_names(["a.png", "a.png"], 2)
