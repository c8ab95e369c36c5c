"""Every command and snippet of the pages is run, from the page itself, in order, in one folder."""

import gzip
import re
import shlex
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixelsnail import PixelSNAIL, checkpoints
from pixelsnail.cli import main
from pixelsnail.training.recipe import read

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "docs/tutorial.md",
    "docs/how-to.md",
    "docs/own-data.md",
    "docs/vq-codes.md",
    "docs/orders.md",
    "docs/completion.md",
    "docs/anomaly.md",
    "docs/conditions.md",
    "docs/codec.md",
    "docs/reference.md",
    "docs/explanation.md",
    "docs/models-of-your-own.md",
    "docs/comparison.md",
    "docs/training.md",
    "docs/performance.md",
]
LONG = {"docs/how-to.md", "docs/codec.md", "docs/comparison.md"}
"""The pages whose commands run for more than ten seconds."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TINY = ["--model.channels=4", "--model.blocks=1", "--model.residuals=1", "--model.key=2", "--model.value=2"]
TINY_ORIGINAL = [word for word in TINY if "value" not in word] + ["--run.initialize=2"]
SHORT = [*TINY, "--run.samples=0", "--run.validate=0", "--trainer.accelerator=cpu"]
NOT_OURS = ("git clone", "cd ", "pip install", "source ")


def idx(path: Path, array: np.ndarray) -> None:
    """Writes an idx file, gzipped."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


@pytest.fixture
def folder(tmp_path):
    """What a reader has: a demo run, MNIST's files, some photographs, a checkpoint of another project."""
    place = tmp_path
    random = np.random.default_rng(0)
    (place / "data/mnist").mkdir(parents=True)
    for name, count in (("train", 40), ("t10k", 20)):
        idx(place / f"data/mnist/{name}-images-idx3-ubyte.gz", random.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        idx(place / f"data/mnist/{name}-labels-idx1-ubyte.gz", random.integers(0, 10, count, dtype=np.uint8))
    (place / "photos").mkdir()
    for i in range(30):
        Image.fromarray(random.integers(0, 256, (6, 8), dtype=np.uint8)).save(place / f"photos/{i}.png")
    shutil.copy(ROOT / "tests/golden/pg_trainer_state_3.ckpt", place / "trainer_state_3.ckpt")
    with np.load(ROOT / "tests/golden/official_h12_a.npz") as file:
        state = {name.removeprefix("state/"): file[name] for name in file.files if name.startswith("state/")}
    np.savez(place / "cifar10.npz", **state)
    torch.manual_seed(0)
    model = PixelSNAIL(channels=4, blocks=1, residuals=1, key=2, value=2)
    checkpoints.save(model, place / "runs/demo/model", about={"source": "mnist-mini", "binarize": "dynamic"})
    return place


def shortened(words: list[str]) -> list[str]:
    """The command with the long part of a training cut off."""
    if words[0] == "demo":
        return [*words, "--overwrite", *SHORT, "--trainer.max_steps=2"]
    if words[0] == "evaluate" and "--limit" not in words:
        return [*words, "--limit", "8"]
    if words[0] == "compare":
        budget = words.index("--seconds" if "--seconds" in words else "--steps")
        line = [*words[:budget], "--steps", "2", *words[budget + 2 :], "--seeds", "1", "--overwrite"]
        return [{"53569": "900", "50000": "900"}.get(word, word) for word in line]
    if words[0] != "train":
        return words
    kept, skip = [], False
    for word in [{"5000": "5"}.get(word, word) for word in words]:  # the reader here has 40 images
        skip_now, skip = skip, word in ("--trainer.max_steps", "--trainer.max_epochs", "--model.channels")
        if not skip and not skip_now:
            kept.append(word)
    steps = 4 if "--resume" in words else 2
    short = [*TINY_ORIGINAL, *SHORT[len(TINY) :]] if words[1] == "photos" else SHORT
    return [*kept, *short, f"--trainer.max_steps={steps}", "--trainer.max_epochs=-1", "--run.checkpoint=1"]


def run_line(line: str) -> None:
    words = shlex.split(line, comments=True)
    if not words or line.startswith(NOT_OURS):
        return
    if words[0] == "make":
        subprocess.run(["make", "--dry-run", "--directory", ROOT, *words[1:]], check=True, capture_output=True)
        return
    assert words[0] == "pixelsnail", f"who runs {line!r}?"
    assert main(shortened(words[1:])) in (0, None), line


def run_python(code: str, names: dict[str, object]) -> None:
    """Runs a snippet, which knows the names of those before it on its page."""
    code = code.replace('"trainer.max_steps": 100', '"trainer.max_steps": 2, "run.samples": 0, "run.validate": 0')
    exec(compile(code, "snippet", "exec"), names)  # the page's own code


@pytest.mark.parametrize("page", [pytest.param(page, marks=pytest.mark.slow if page in LONG else ()) for page in PAGES])
def test_every_command_and_snippet_runs(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    names: dict[str, object] = {"__name__": "page"}
    for language, text in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        if language == "python":
            run_python(text, names)
        elif language == "yaml":
            (folder / "page.yaml").write_text(text)
            read(folder / "page.yaml")
        elif language != "text":  # text is what a command printed
            assert language == "bash", f"{page} has a block that nothing runs: {language}"
            for line in text.splitlines():
                run_line(line)


def anchors(page: Path) -> list[str]:
    """What a link may name of a page: its headings as GitHub has them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(BLOCK, "", page.read_text(encoding="utf-8")), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere_and_pages_are_short(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        place = (ROOT / page).parent / target if target else ROOT / page
        assert place.exists(), f"{page} links to {target}"
        assert not anchor or anchor in anchors(place), f"{page} links to {target}#{anchor}, which has {anchors(place)}"
    assert len(text.splitlines()) < (121 if page == "README.md" else 300)
