"""Whatever is wrong on a command line is said in a sentence for who types commands: no Python, no library's prose."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from cli.conftest import tiny
from pixelsnail.checkpoints import save

PYTHON = re.compile(
    r"\b\w+=(?:'|True|False|None|\d)|\w\.\w+\(|\bnp\.|\btorch\.(?!nn)|\bself\b|\bNone\b|Errno|Traceback|\bnot a valid\b"
    r"|\bx has (?:shape|dtype)|\bargument of type|__|<class|https?://|\[/?(?:red|bold)"
)
"""What only a programmer, or another library, would say."""
LINES = (
    ("evaluate", "{run}", "--data", "npz:{tmp}/rows.npz"),
    ("evaluate", "{run}", "--data", "npz:{tmp}/ambiguous.npz"),
    ("evaluate", "{run}", "--data", "npz:{tmp}/floats.npz"),
    ("evaluate", "{run}", "--data", "npz:{tmp}/negative.npz"),
    ("evaluate", "{run}", "--data", "npz:{tmp}/colours.npz"),
    ("evaluate", "{run}", "--data", "npz:{tmp}/objects.npz"),
    ("evaluate", "{run}", "--data", "npz:{tmp}/text.npz"),
    ("evaluate", "{run}", "--data", "npz:{tmp}/splits.npz"),
    ("evaluate", "{run}", "--data", "pt:{tmp}/code.pt"),
    ("evaluate", "{run}", "--data", "pt:{tmp}/text.npz"),
    ("evaluate", "{run}", "--data", "mnist:{tmp}/none"),
    ("evaluate", "{run}", "--data", "cifar10:{tmp}"),
    ("evaluate", "{run}", "--data", "folder:{tmp}/none"),
    ("evaluate", "{run}", "--data", "hf:{tmp}/none"),
    ("evaluate", "{run}", "--data", "memory:12"),
    ("evaluate", "{run}", "--data", "mnist-mini", "--split", "train", "--axes", "NWH"),
    ("evaluate", "{run}", "--binarizations", "2", "--binarize", "threshold"),
    ("evaluate", "{wide}", "--data", "npz:{tmp}/splits.npz", "--split", "train", "--binarize", "dynamic"),
    ("evaluate", "{tmp}"),
    ("evaluate", "{run}", "--weights", "last", "--limit", "0"),
    ("score", "{run}", "--out", "{tmp}/s.csv", "--images", "{tmp}/broken.png"),
    ("score", "{run}", "--out", "{tmp}/s.csv", "--images", "{tmp}/large.png", "{tmp}/grey.png"),
    ("score", "{run}", "--out", "{tmp}/s.csv", "--images", "{tmp}/*.jpg"),
    ("complete", "{run}", "--known", "middle", "--out", "{tmp}/c"),
    ("complete", "{run}", "--known", "{tmp}/large.png", "--out", "{tmp}/c"),
    ("complete", "{run}", "--known", "{tmp}/grey.png", "--out", "{tmp}/c"),
    ("sample", "{run}", "--out", "{tmp}/a.gif"),
    ("sample", "{run}", "--out", "{tmp}/a.png", "--context", "3"),
    ("sample", "{run}", "--out", "{tmp}/a.png", "--size", "0x3"),
    ("sample", "{run}", "--out", "{tmp}/a.png", "--temperature", "-1"),
    ("sample", "hf:not a name", "--out", "{tmp}/a.png"),
    ("sample", "{run}/model/model.safetensors", "--out", "{tmp}/a.png"),
    ("info", "{damaged}"),
    ("import", "{tmp}/text.npz", "--project", "official", "--out", "{tmp}/i"),
    ("import", "{tmp}/code.pt", "--project", "rosinality", "--out", "{tmp}/i"),
    ("import", "{tmp}/none.pt", "--project", "official", "--out", "{tmp}/i"),
    ("attention", "{run}", "--out", "{tmp}/a.svg", "--pixel", "99,99"),
    ("receptive-field", "{run}", "--out", "{tmp}/a.svg", "--pixel", "0,0"),
    ("curve", "{run}"),
    ("train", "{tmp}/broken.yaml", "--out", "{tmp}/t"),
    ("train", "{tmp}/tagged.yaml", "--out", "{tmp}/t"),
    ("train", "{tmp}/text.npz", "--out", "{tmp}/t"),
    ("train", "demo", "--out", "{tmp}/t", "--model.channels", "many"),
    ("train", "demo", "--out", "{tmp}/t", "--model.channels", "-1"),
    ("train", "demo", "--out", "{tmp}/t", "--model.levels", "1"),
    ("train", "demo", "--out", "{tmp}/t", "--data.levels", "1"),
    ("train", "demo", "--out", "{tmp}/t", "--data.axes", "WH"),
    ("train", "demo", "--out", "{tmp}/t", "--trainer.precision", "7"),
    ("train", "demo", "--out", "{tmp}/t", "--trainer.max_steps", "0"),
    ("train", "demo", "--out", "{tmp}/t", "--trainer.logger", "true"),
    ("train", "demo", "--out", "{tmp}/t", "--optimizer.betas", "[0.9]"),
    ("train", "demo", "--out", "{tmp}/t", "--data.validation", "100"),
    ("train", "demo", "--out", "{tmp}/t", "--resume"),
    ("train", "demo", "--out", "{run}"),
    ("train", "demo", "--out", "{tmp}/t", "--init", "{wide}"),
    ("compare", "demo", "demo", "--steps", "2", "--out", "{tmp}/k"),
    ("compare", "demo", "--steps", "2", "--out", "{run}"),
)  # fmt: skip


@pytest.fixture
def places(run, tmp_path):
    """A run, a model of 256 levels, and files that are wrong in as many ways."""
    save(tiny(levels=256), tmp_path / "wide")
    zeros = np.zeros((4, 6, 5), np.uint8)
    arrays = {
        "rows": {"x": np.zeros((4, 30), int)},
        "ambiguous": {"x": np.zeros((4, 3, 2, 2), int)},
        "floats": {"x": zeros + 0.5},
        "negative": {"x": zeros.astype(int) - 1},
        "colours": {"x": np.zeros((4, 5, 6, 9), int)},
        "objects": {"x": np.array([{}], dtype=object)},
        "splits": {"train": zeros},
    }
    for name, content in arrays.items():
        np.savez(tmp_path / f"{name}.npz", **content)
    (tmp_path / "text.npz").write_text("text")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n text")
    Image.new("L", (9, 9)).save(tmp_path / "large.png")
    Image.fromarray(np.arange(30, dtype=np.uint8).reshape(6, 5)).save(tmp_path / "grey.png")
    torch.save({"x": torch.zeros(2), "run": torch.nn.Linear(1, 1)}, tmp_path / "code.pt")
    (tmp_path / "broken.yaml").write_text("model: [")
    (tmp_path / "tagged.yaml").write_text("model: !!python/object/apply:os.system ['true']")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.json").write_text("{")
    return {"run": run, "wide": tmp_path / "wide", "tmp": tmp_path, "damaged": tmp_path / "damaged"}


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_a_wrong_line_is_answered_in_a_sentence_for_who_typed_it(pixelsnail, places, line):
    outcome = pixelsnail(*(word.format(**places) for word in line))
    assert outcome.status in (1, 2)
    *notes, said = outcome.err.splitlines()
    assert said.startswith("pixelsnail: ")
    assert len(notes) <= 2
    assert said[-1] in ".?" or "for example: pixelsnail" in said
    assert "fault of pixelsnail" not in said
    assert len(said) < 600
    plain = said
    for place in sorted(map(str, places.values()), key=len, reverse=True):
        plain = plain.replace(place, "PLACE")
    assert not PYTHON.search(plain), PYTHON.search(plain)


def test_the_check_can_fail():
    for text in ("pass x.permute(0, 3, 1, 2)", "weights_only=True", "open it with binarize='none'", "[Errno 2] no"):
        assert PYTHON.search(text)
