"""The precision of a training, where the recipe leaves it to what it is trained on."""

import dataclasses

import torch

from pixelsnail.training.recipe import Note, Recipe


def with_precision(recipe: Recipe, note: Note) -> Recipe:
    """The recipe with `trainer.precision: auto` spelt out: bf16-mixed where the device has products of bfloat16, else
    32-true.

    `note` is told which, and where a processor is to imitate the bfloat16 that a recipe asks for.
    """
    asked = str(recipe.trainer.get("precision"))
    device = _device(str(recipe.trainer.get("accelerator", "auto")))
    if asked == "auto":
        fast = multiplies_bfloat16(device)
        precision = "bf16-mixed" if fast else "32-true"
        place = {"cpu": "this processor", "cuda": "this GPU"}.get(device, device)
        has = "has" if fast else "has no"
        note(f"Trains in {precision}: {place} {has} products of bfloat16 (trainer.precision auto).")
        return dataclasses.replace(recipe, trainer={**recipe.trainer, "precision": precision})
    if asked.startswith("bf16") and device == "cpu" and not multiplies_bfloat16(device):
        note(
            f"This processor imitates bfloat16: trainer.precision {asked} may take ten times as long as 32-true; auto "
            "takes what is faster."
        )
    return recipe


def _device(accelerator: str) -> str:
    """The type of the device that Lightning chooses for an accelerator, as far as precision goes."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "cuda"
    if accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return "mps"
    return "cpu" if accelerator == "auto" else accelerator


def multiplies_bfloat16(device: str) -> bool:
    """Whether a device has products of bfloat16: a GPU of CUDA from Ampere on; a processor with AVX512_BF16, AMX or
    Arm's BF16.

    On a processor without, torch falls back to loops (github.com/pytorch/pytorch/issues/118499): a step of the
    published PixelSNAIL took ten times as long as in float32 (`python -m benchmarks.training --batch 16`).
    """
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu":
        return False
    if not hasattr(torch.cpu, "get_capabilities"):  # an older torch; true as well where AVX512 imitates it
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
