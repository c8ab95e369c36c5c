"""A compiled program decides what the model decides, is kept, and serves other weights."""

import shutil
from functools import partial
from pathlib import Path

import pytest
import torch

import pixelsnail
from pixelsnail.distributions import Categorical
from pixelsnail.engine import CompilationError, Compiled, Draw, Engine, Known, Plan, Rule
from pixelsnail.engine import library as module
from pixelsnail.models.condition import Labels
from tiny import MODELS, fit, naive, pixelsnail_of_classes, random_levels, randomised, walked

needs_compiler = pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")
SMALL = partial(pixelsnail_of_classes, blocks=1)
"""What the quick tests make a program of; each of the others takes the compiler one minute or two."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELSNAIL_CACHE", str(tmp_path / "programs"))
    monkeypatch.setattr(module, "_loaded", {})
    return tmp_path / "programs"


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(SMALL, id="PixelSNAIL of classes, one block"),
        *(pytest.param(MODELS[name], marks=pytest.mark.slow, id=name) for name in MODELS),
    ],
)
@needs_compiler
def test_a_program_walks_as_the_naive_sampler(build, folder, monkeypatch):
    """In float64, for every batch and segment; after other weights; loaded from the disk; and for known pixels."""
    shape = fit(build, (2, 4, 3))
    size = height, width = shape[1:]
    model = build(shape, 3).double()
    assert not module.is_at_hand(model, size)
    compiled = Compiled(model, size)
    for seed in (0, 1):
        for batch in (1, 2, 9):
            expected = naive(model, Draw(seed), batch)
            for segment in (None, 1, 2, 3, 5, 12):
                assert torch.equal(walked(model, Draw(seed), batch, segment, compiled), expected)
        compiled = Compiled(randomised(model, seed=7), size)
    assert [file.suffix for file in folder.iterdir()] == [".pt2"]
    monkeypatch.setattr(module, "_loaded", {})
    monkeypatch.setattr(module, "_compile", lambda *_: pytest.fail("compiled again"))
    assert module.is_at_hand(model, size)
    x, known = random_levels(3, (3, *shape)), torch.arange(height * width).view(size) % 5 < 2
    source = Known(x, known, Draw(4))
    assert torch.equal(walked(model, source, 3, walks=Compiled(model, size)), naive(model, source, 3))
    context = model.condition.example(3, size)
    rule = {"top_k": 2, "top_p": 0.9} if isinstance(model.head, Categorical) else {"temperature": 0.7}
    if isinstance(model.condition, Labels) and model.condition.dropout:
        rule["guidance"] = 1.5
    for changed in ({}, rule):
        drawn = model.sample(3, engine="compiled", context=context, **changed)
        assert torch.equal(drawn, model.sample(3, engine="naive", context=context, **changed))


def test_without_a_compiler_the_engine_says_so_and_auto_goes_on(monkeypatch):
    model = pixelsnail.PixelSNAIL((1, 3, 4), 2, channels=4, blocks=1)
    monkeypatch.setattr(module, "compiler", lambda: None)
    with pytest.raises(CompilationError, match="C\\+\\+ compiler"):
        model.sample(1, engine="compiled")
    assert torch.equal(model.sample(2), model.sample(2, engine="eager"))


def test_what_cannot_be_compiled_is_said(monkeypatch):
    model = pixelsnail.PixelSNAIL((1, 1, 3), 2, channels=4, blocks=1)
    with pytest.raises(CompilationError, match=r"1 x 3 pixels are too small"):
        model.sample(1, engine="compiled")
    monkeypatch.setattr(module, "export", lambda *_: 1 / 0)
    with pytest.raises(CompilationError, match=r"could not be compiled \(division by zero\)"):
        model.sample(1, engine="compiled", size=(4, 4))


def test_auto_takes_what_is_at_hand_and_compiles_only_for_much_work(monkeypatch):
    """With a program that stands for the model."""
    model = pixelsnail.PixelSNAIL((1, 3, 4), 2, channels=4, blocks=1).eval()
    made = []
    monkeypatch.setattr(module, "Compiled", lambda model, size: made.append(size) or model)
    monkeypatch.setattr(module, "compiler", lambda: "g++")

    def programs(batch, rest, at_hand):
        made.clear()
        monkeypatch.setattr(module, "is_at_hand", lambda *_: at_hand)
        Engine(model, Plan(batch=batch), (3, 4)).decide(Draw(0), 2, rest, None, Rule(), None)
        return len(made)

    assert programs(2, 0, at_hand=True) == 1
    assert programs(2, 10, at_hand=False) == 0
    assert programs(2, 10**9, at_hand=False) == 1
    assert programs(129, 10**9, at_hand=True) == 0  # a batch for which the eager engine is faster


def test_a_program_depends_on_what_was_compiled():
    key = module.key
    model = pixelsnail.PixelSNAIL((1, 3, 4), 2, channels=4, blocks=1)
    other = pixelsnail.PixelSNAIL((1, 3, 4), 2, channels=6, blocks=1)
    assert key(model, (3, 4)) == key(randomised(pixelsnail.PixelSNAIL((1, 3, 4), 2, channels=4, blocks=1)), (3, 4))
    assert len({key(model, (3, 4)), key(model, (4, 4)), key(other, (3, 4)), key(model.double(), (3, 4))}) == 4


def test_a_program_depends_on_every_file_that_its_graph_comes_from(monkeypatch):
    model = MODELS["PixelSNAILOriginal"]((1, 3, 4), 2)
    files = module.code_of(model)
    assert {"gated.py", "original.py", "segment.py", "cache.py", "convolution.py", "program.py"} <= {
        f.name for f in files
    }
    keys = {
        module.key(model, (3, 4), lambda file, edited=edited: file.read_bytes() + b"#" * (file == edited))
        for edited in files
    }
    assert len(keys) == len(files)
    assert module.key(model, (3, 4)) not in keys
    now = module.key(model, (3, 4))
    monkeypatch.setattr(module, "version", lambda _: "another")
    assert module.key(model, (3, 4)) != now


def test_a_program_depends_on_the_files_of_modules_from_elsewhere():
    class Foreign(torch.nn.Module):
        pass

    model = MODELS["PixelSNAIL"]((1, 3, 4), 2)
    model.foreign = Foreign()
    assert Path(__file__) in module.code_of(model)
