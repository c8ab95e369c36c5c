"""A compiled program decides what the model decides, is kept, and serves other weights."""

import shutil

import pytest
import torch

import pixelsnail
from pixelsnail.engine import CompilationError, Compiled, Draw, Known, naive_walk, walk
from pixelsnail.engine import program as module
from pixelsnail.engine.engines import PRICE, Engine
from tiny import MODELS, fit, random_levels, randomised

needs_compiler = pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")
ALWAYS = {"PixelSNAIL", "PixelSNAILOriginal"}
"""Models whose programs are made in the quick tests too: each takes the compiler up to a minute."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELSNAIL_CACHE", str(tmp_path / "programs"))
    monkeypatch.setattr(module, "_loaded", {})
    return tmp_path / "programs"


@pytest.mark.parametrize(
    "build",
    [pytest.param(MODELS[name], marks=() if name in ALWAYS else pytest.mark.slow, id=name) for name in MODELS],
)
@needs_compiler
def test_a_program_walks_as_the_naive_sampler(build, folder, monkeypatch):
    """In float64, for every batch and segment; after other weights; loaded from the disk; and for known pixels."""
    shape = fit(build, (2, 4, 3))
    size = height, width = shape[1:]
    model = build(shape, 3).double()
    assert module.is_ready(model, size) == "compiler"
    compiled = Compiled(model, size)
    for seed in (0, 1):
        for batch in (1, 2, 9):
            expected = naive_walk(model, Draw(seed), batch)
            for segment in (None, 1, 2, 3, 5, 12):
                assert torch.equal(walk(compiled, Draw(seed), batch, segment=segment), expected)
        compiled = Compiled(randomised(model, seed=7), size)
    assert [file.suffix for file in folder.iterdir()] == [".pt2"]
    monkeypatch.setattr(module, "_loaded", {})
    monkeypatch.setattr(module, "_compile", lambda *_: pytest.fail("compiled again"))
    assert module.is_ready(model, size) == "kept"
    x, known = random_levels(3, (3, *shape)), torch.arange(height * width).view(size) % 5 < 2
    source = Known(x, known, Draw(4))
    assert torch.equal(walk(Compiled(model, size), source, 3), naive_walk(model, source, 3))
    assert module.is_ready(model, size) == "loaded"
    assert torch.equal(model.sample(3, engine="compiled"), model.sample(3, engine="naive"))


def test_without_a_compiler_the_engine_says_so_and_auto_goes_on(monkeypatch):
    model = pixelsnail.PixelSNAIL((1, 3, 4), 2, channels=4, blocks=1)
    monkeypatch.setattr(module, "_compiler", lambda: None)
    with pytest.raises(CompilationError, match="C\\+\\+ compiler"):
        model.sample(1, engine="compiled")
    assert module.is_ready(model, (3, 4)) == "nothing"
    assert torch.equal(model.sample(2), model.sample(2, engine="eager"))


def test_what_cannot_be_compiled_is_said(monkeypatch):
    model = pixelsnail.PixelSNAIL((1, 1, 3), 2, channels=4, blocks=1)
    with pytest.raises(CompilationError, match=r"1 x 3 pixels are too small"):
        model.sample(1, engine="compiled")
    monkeypatch.setattr(module, "_export", lambda *_: 1 / 0)
    with pytest.raises(CompilationError, match=r"could not be compiled \(division by zero\)"):
        model.sample(1, engine="compiled", size=(4, 4))


def test_auto_compiles_only_where_that_saves_more_than_it_costs(monkeypatch):
    """With a program that stands for the model: it is taken when loaded, or when enough images are left."""
    model = pixelsnail.PixelSNAIL((1, 3, 4), 2, channels=4, blocks=1).eval()
    made = []
    monkeypatch.setattr("pixelsnail.engine.engines.Compiled", lambda model, size: made.append(size) or model)
    for state, rest, expected in (
        ("nothing", 10**9, 0),
        ("compiler", 1, 0),
        ("compiler", 10**9, 1),
        ("kept", 1, 0),
        ("kept", 10**9, 1),
        ("loaded", 0, 1),
    ):
        made.clear()
        monkeypatch.setattr("pixelsnail.engine.engines.is_ready", lambda *_, state=state: state)
        Engine(model, "auto", (3, 4), None).decide(Draw(0), 2, rest)
        assert len(made) == expected, (state, rest)
    made.clear()
    Engine(model, "auto", (3, 4), None).decide(Draw(0), 129, 10**9)  # a batch for which the eager engine is faster
    assert not made
    assert PRICE["loaded"] < PRICE["kept"] < PRICE["compiler"]


def test_a_program_depends_on_what_was_compiled():
    key = module._key
    model = pixelsnail.PixelSNAIL((1, 3, 4), 2, channels=4, blocks=1)
    other = pixelsnail.PixelSNAIL((1, 3, 4), 2, channels=6, blocks=1)
    assert key(model, (3, 4)) == key(randomised(pixelsnail.PixelSNAIL((1, 3, 4), 2, channels=4, blocks=1)), (3, 4))
    assert len({key(model, (3, 4)), key(model, (4, 4)), key(other, (3, 4)), key(model.double(), (3, 4))}) == 4
