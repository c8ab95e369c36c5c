"""`trainer.precision: auto` takes bfloat16 where the device has products of it, and says so."""

import pytest
import torch

from pixelsnail.training import precision as module
from pixelsnail.training import read, train
from pixelsnail.training.fitting import check_trainer
from pixelsnail.training.precision import multiplies_bfloat16, with_precision


def told(recipe, fast, monkeypatch):
    """The precision of a recipe's trainer, and what is said, on a processor with or without products of bfloat16."""
    monkeypatch.setattr(module, "multiplies_bfloat16", lambda device: device == "cpu" and fast)
    said: list[str] = []
    return with_precision(recipe, said.append).trainer.get("precision"), said


@pytest.mark.parametrize(("fast", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_is_spelt_out_in_the_run(tiny, tmp_path, monkeypatch, fast, precision):
    monkeypatch.setattr(module, "multiplies_bfloat16", lambda _: fast)
    said: list[str] = []
    train(tiny(), out=tmp_path / "run", note=said.append, **{"trainer.precision": "auto", "trainer.max_steps": 1})
    assert read(tmp_path / "run/recipe.yaml").trainer["precision"] == precision
    has = "has" if fast else "has no"
    assert f"Trains in {precision}: this processor {has} products of bfloat16 (trainer.precision auto)." in said


def test_auto_is_a_precision_and_others_are_refused():
    arguments = {"max_steps": 1, "precision": "auto"}
    assert check_trainer(arguments) == arguments
    with pytest.raises(TypeError, match=r"^trainer.precision is 'bf17'; expected one of auto or "):
        check_trainer({**arguments, "precision": "bf17"})


def test_what_a_processor_would_imitate_is_told(tiny, monkeypatch):
    asked = read(tiny(), {"trainer.precision": "bf16-mixed"})
    assert told(asked, True, monkeypatch) == ("bf16-mixed", [])
    precision, said = told(asked, False, monkeypatch)
    assert precision == "bf16-mixed"
    assert said == [
        "This processor imitates bfloat16: trainer.precision bf16-mixed may take ten times as long as 32-true; auto "
        "takes what is faster."
    ]
    assert told(read(tiny()), False, monkeypatch)[1] == []


@pytest.mark.parametrize(("accelerator", "device"), [("auto", "cuda"), ("gpu", "cuda"), ("cpu", "cpu"), ("tpu", "tpu")])
def test_the_device_is_that_of_the_accelerator(tiny, monkeypatch, accelerator, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    asked: list[str] = []
    monkeypatch.setattr(module, "multiplies_bfloat16", lambda of: asked.append(of) or False)
    with_precision(read(tiny(), {"trainer.precision": "auto", "trainer.accelerator": accelerator}), lambda _: None)
    assert asked == [device]


@pytest.mark.parametrize(
    ("found", "fast"), [({"avx512_bf16": True}, True), ({"bf16": True}, True), ({"avx2": True}, False)]
)
def test_a_processor_has_products_of_bfloat16_by_its_instructions(monkeypatch, found, fast):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    assert multiplies_bfloat16("cpu") is fast


def test_a_gpu_that_imitates_bfloat16_does_not_count(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert not multiplies_bfloat16("cuda")
    assert not multiplies_bfloat16("mps")
