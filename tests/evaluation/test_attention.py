"""Attention weights: probabilities of earlier pixels alone, and those by which the model itself attends."""

import pytest
import torch
from torch import Tensor

from pixelsnail.evaluation import attention_weights
from pixelsnail.models import Model
from pixelsnail.nn import CausalAttention, StrictAttention
from tiny import MODELS, random_levels
from tolerance import assert_close

PIXELS = [(0, 1), (2, 3), (4, 6)]
ATTENDING = ["PixelSNAIL", "PixelSNAILOriginal"]


@pytest.mark.parametrize("name", ATTENDING)
def test_weights_are_probabilities_of_earlier_pixels(name: str) -> None:
    model = MODELS[name]((1, 5, 7), 2)
    found = attention_weights(model, random_levels(2, (1, 5, 7)), PIXELS)
    assert found.shape == (3, 2, 1, 5, 7)
    assert_close(found.sum((3, 4)), torch.ones(3, 2, 1, dtype=torch.float64))
    for index, (row, column) in enumerate(PIXELS):
        flat = found[index].flatten(2)
        assert (flat[..., : 7 * row + column] > 0).all()
        assert not flat[..., 7 * row + column :].any()


@pytest.mark.parametrize("name", [*ATTENDING, "ImageGPT", "PixelSNAILPrior"])
def test_weights_times_values_are_the_attentions_output(name: str) -> None:
    model, x = MODELS[name]((1, 5, 7), 2).double(), random_levels(2, (1, 5, 7))
    kept: list[tuple[Tensor, Tensor]] = []
    layers = [layer for layer in model.modules() if isinstance(layer, CausalAttention)]
    handles = [
        layer.register_forward_hook(lambda _, inputs, output: kept.append((inputs[2], output))) for layer in layers
    ]
    found = attention_weights(model, x, PIXELS).flatten(3)
    for handle in handles:
        handle.remove()
    for block, (values, output) in enumerate(kept):
        for index, (row, column) in enumerate(PIXELS):
            # The value of pixel u is at position u + 1, but in ImageGPT. Heads have their shares of the channels.
            first = layers[block].first
            shares = values[0].flatten(1).unflatten(0, (layers[block].heads, -1))[..., first:]
            expected = torch.einsum("hvu,hu->hv", shares, found[index, block, :, : shares.shape[-1]])
            assert_close(output[0, :, row, column], expected.flatten(), torch.float64)


def test_heads_have_weights_of_their_own(model: Model) -> None:
    x = random_levels(2, (1, 5, 7))
    whole = attention_weights(model, x, PIXELS)
    for layer in model.modules():
        if isinstance(layer, StrictAttention):
            layer.heads = 2
    found = attention_weights(model, x, PIXELS)
    assert found.shape == (3, 2, 2, 5, 7)
    assert_close(found.sum((3, 4)), torch.ones(3, 2, 2, dtype=torch.float64))
    # Of the first block, whose keys have two channels: a score is the sum of its heads', times sqrt(1 / 2).
    heads = found[2, 0].flatten(1)[:, :30].log().sum(0) * 0.5**0.5
    both = whole[2, 0, 0].flatten()[:30].log()
    assert_close(heads - heads.mean(), both - both.mean())


def test_no_hook_stays_and_the_mode_does_not_matter(model: Model) -> None:
    model.train()
    attention_weights(model, random_levels(2, (1, 5, 7)), PIXELS)
    assert model.training
    assert not any(layer._forward_pre_hooks for layer in model.modules())


@pytest.mark.parametrize("name", ["PixelCNN", "PixelSNAIL without attention", "PixelSNAILOriginal pooled"])
def test_a_model_without_attention_to_pixels_says_so(name: str) -> None:
    with pytest.raises(TypeError, match="has no attention to single earlier pixels"):
        attention_weights(MODELS[name]((1, 4, 4), 2), random_levels(2, (1, 4, 4)), [(2, 2)])


def test_a_pixel_outside_is_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="pixel 9,9 is outside an image of 5 x 7"):
        attention_weights(model, random_levels(2, (1, 5, 7)), [(9, 9)])
