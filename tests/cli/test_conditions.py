"""Labels and maps at the command line: given, missing, and not taken."""

import csv
import json

import numpy as np
import pytest

from pixelsnail.checkpoints import save
from pixelsnail.models import PixelSNAIL

WIDTHS = {"channels": 4, "blocks": 1, "residuals": 1, "key": 2, "value": 2}


@pytest.fixture
def codes(tmp_path):
    random = np.random.default_rng(0)
    top, bottom = random.integers(0, 5, (40, 2, 3)), random.integers(0, 4, (40, 4, 6))
    np.savez(tmp_path / "codes.npz", top=top, bottom=bottom, labels=np.arange(40) % 3, levels=5)
    return tmp_path / "codes.npz"


@pytest.fixture
def mapped(tmp_path, codes):
    """A run that was trained with maps."""
    model = PixelSNAIL((1, 4, 6), 5, **WIDTHS, map_levels=5, map_features=4)
    save(model, tmp_path / "mapped/model", about={"source": f"npz:{codes}#bottom", "binarize": "none", "maps": "top"})
    return tmp_path / "mapped"


@pytest.fixture
def both(tmp_path, codes):
    """A run of labels and maps, which knows images without labels too."""
    model = PixelSNAIL(
        (1, 4, 6), 5, **WIDTHS, classes=3, label_dropout=0.1, map_levels=5, map_features=4, map_residuals=1
    )
    save(model, tmp_path / "both/model", about={"source": f"npz:{codes}#bottom", "binarize": "none", "maps": "top"})
    return tmp_path / "both"


def test_maps_come_with_the_run_s_own_images(pixelsnail, mapped, tmp_path):
    found = pixelsnail("evaluate", mapped, "--json")
    assert found.status == 0
    assert json.loads(found.out)["read"]["maps"].startswith("2 x 3, 5 levels, of npz:")
    assert pixelsnail("score", mapped, "--out", tmp_path / "s.csv").status == 0
    done = pixelsnail("complete", mapped, "--known", "top", "--count", 2, "--draws", 2, "--out", tmp_path / "c")
    assert done.status == 0
    assert "with a map each" in done.err


def test_other_images_need_maps_of_their_own(pixelsnail, mapped, codes, tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros((3, 4, 6), int), levels=5)
    np.savez(tmp_path / "maps.npz", x=np.ones((3, 2, 3), int), levels=5)
    other, out = f"npz:{tmp_path}/other.npz", tmp_path / "s.csv"
    refused = pixelsnail("score", mapped, "--data", other, "--out", out)
    assert refused.status == 2
    assert "has no maps; say where they are with --context-data SOURCE" in refused.err
    maps = f"npz:{tmp_path}/maps.npz"
    assert pixelsnail("score", mapped, "--data", other, "--context-data", maps, "--out", out).status == 0
    again = pixelsnail("evaluate", mapped, "--context-data", f"npz:{codes}#top", "--json")
    assert json.loads(again.out)["nats"] == json.loads(pixelsnail("evaluate", mapped, "--json").out)["nats"]


def test_images_are_drawn_from_maps(pixelsnail, mapped, both, codes, tmp_path):
    out = tmp_path / "x.npz"
    missing = pixelsnail("sample", mapped, "--out", out)
    assert missing.status == 2
    assert "a map of H / 2 x W / 2 codes 0 ... 4; say which maps with --context-data SOURCE" in missing.err
    maps = f"npz:{codes}#top"
    drawn = pixelsnail("sample", mapped, "--context-data", maps, "--count", 4, "--out", out)
    assert drawn.status == 0
    assert "2 x 3; 5 levels" in drawn.err
    assert np.load(out)["x"].shape == (4, 1, 4, 6)
    whole = pixelsnail("sample", mapped, "--context-data", maps, "--out", out, "--overwrite")
    assert (whole.status, len(np.load(out)["x"])) == (0, 40)
    many = pixelsnail("sample", mapped, "--context-data", maps, "--count", 41, "--out", out, "--overwrite")
    assert "--count is 41" in many.err
    assert "has 40 maps" in many.err
    words = ["--context-data", maps, "--context", 2, "--count", 3, "--guidance", 1.5, "--top-k", 3, "--top-p", 0.9]
    assert pixelsnail("sample", both, *words, "--out", out, "--overwrite").status == 0


def test_what_a_model_does_not_take_is_refused(pixelsnail, run, mapped, codes, tmp_path):
    out = tmp_path / "x.png"
    for words, sentence in (
        (
            ["sample", run, "--context-data", f"npz:{codes}#top", "--out", out],
            "takes no maps: it is conditioned on none",
        ),
        (["sample", run, "--context", 1, "--out", out], "takes no class labels: it is conditioned on none"),
        (["evaluate", run, "--context-data", f"npz:{codes}#top"], "files and names"),
        (["evaluate", mapped, "--context", 1], "takes no class labels: it is conditioned on a map of"),
        (["sample", run, "--guidance", 1, "--out", out], "guidance needs class labels"),
        (["sample", run, "--top-k", 3, "--out", out], "top_k is 3, but chooses among the levels of a Categorical head"),
        (["sample", run, "--top-p", 0, "--out", out], "--top-p is '0'; expected a share above 0 and at most 1"),
        (["sample", run, "--guidance", -2, "--out", out], "--guidance is '-2'; expected a number of at least -1"),
        (["classify", run, "--out", tmp_path / "c.csv"], "no class labels to choose among"),
    ):
        found = pixelsnail(*words)
        assert found.status in (1, 2), words
        assert sentence in found.err or sentence == "files and names", (words, found.err)


def test_info_says_what_a_model_is_conditioned_on(pixelsnail, run, mapped, both):
    assert "none (unconditional)" in pixelsnail("info", run).out
    assert "a map of H / 2 x W / 2 codes 0 ... 4" in pixelsnail("info", mapped).out
    table = pixelsnail("info", both).out
    assert "class labels 0 ... 2 (left out of 10 % in training: guidance) and a map of H / 2 x W / 2 codes" in table
    told = json.loads(pixelsnail("info", both, "--json").out)["context"]
    assert told == {"classes": 3, "label_dropout": 0.1, "map_levels": 5, "map_channels": 1, "map_ratio": 2}


def test_classify_writes_a_table_and_says_how_often_it_was_right(pixelsnail, both, tmp_path):
    out = tmp_path / "c.csv"
    found = pixelsnail("classify", both, "--out", out, "--prior", "2,1,1")
    assert found.status == 0
    assert "accuracy" in found.out
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["index", "label", "best", "posterior", "nats_0", "nats_1", "nats_2"]
    told = json.loads(pixelsnail("classify", both, "--out", out, "--overwrite", "--json").out)
    assert told["images"] == len(rows)
    with out.open() as file:
        right = sum(row["label"] == row["best"] for row in csv.DictReader(file))
    assert told["accuracy"] == pytest.approx(right / len(rows))
    assert "tries every class; leave --context out" in pixelsnail("classify", both, "--out", out, "--context", 1).err
    wrong = pixelsnail("classify", both, "--out", out, "--overwrite", "--prior", "1,2")
    assert "expected a share or count of each of the 3 classes" in wrong.err
