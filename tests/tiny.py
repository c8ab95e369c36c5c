"""Every model, tiny and with random weights: a new model adds its lines here, and every law holds for it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pixelsnail.engine import Plan, Source, naive_walk, walk
from pixelsnail.models import (
    GatedPixelCNN,
    ImageGPT,
    Model,
    PixelCNN,
    PixelCNNpp,
    PixelRNN,
    PixelSNAIL,
    PixelSNAILOriginal,
    PixelSNAILPrior,
)
from pixelsnail.models.condition import of_images
from pixelsnail.nn import Context

Build = Callable[..., Model]


def randomised(model: Model, seed: int = 0) -> Model:
    """Weights that are not initial ones: a fresh model with zeroed outputs obeys any law."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 1.0 if name.endswith("gain") else 0.3
            scale = 1.5 * max(parameter[0].numel(), 1) ** -0.5 if parameter.dim() > 1 else scale
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def pixelsnail(shape: tuple[int, int, int], levels: int, seed: int = 0, **arguments: Any) -> Model:
    widths = {"channels": 8, "blocks": 2, "residuals": 1, "key": 2, "value": 4, **arguments}
    return randomised(PixelSNAIL(shape, levels, **widths), seed)


def pixelsnail_of_classes(shape: tuple[int, int, int], levels: int, **arguments: Any) -> Model:
    return pixelsnail(shape, levels, classes=3, label_dropout=0.1, seed=1, **arguments)


def convolutions(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(PixelSNAIL(shape, levels, channels=8, blocks=2, residuals=1, attention=False, stem=5, linear=3))


def attention(shape: tuple[int, int, int], levels: int) -> Model:
    widths = {"channels": 8, "blocks": 2, "residuals": 0, "key": 2, "value": 4}
    return randomised(PixelSNAIL(shape, levels, **widths, frequencies=2), seed=3)


def original(shape: tuple[int, int, int], levels: int, factor: int = 1, classes: int = 0) -> Model:
    widths = {"channels": 6, "blocks": 2, "residuals": 1, "mixtures": 2, "key": 3}
    return randomised(PixelSNAILOriginal(shape, levels, **widths, attention_downsample=factor, classes=classes))


def original_of_classes(shape: tuple[int, int, int], levels: int) -> Model:
    return original(shape, levels, classes=3)


def pooled(shape: tuple[int, int, int], levels: int) -> Model:
    return original(shape, levels, factor=2)


def pixelcnnpp(shape: tuple[int, int, int], levels: int, classes: int = 0) -> Model:
    return randomised(PixelCNNpp(shape, levels, channels=4, residuals=1, mixtures=2, classes=classes))


def pixelcnnpp_of_classes(shape: tuple[int, int, int], levels: int) -> Model:
    return pixelcnnpp(shape, levels, classes=3)


def pixelcnn(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(PixelCNN(shape, levels, channels=4, layers=2, head_channels=5))


def gatedpixelcnn(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(GatedPixelCNN(shape, levels, channels=4, layers=2, head_channels=5))


def imagegpt(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(ImageGPT(shape, levels, channels=8, blocks=2, heads=2))


def pixelrnn(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(PixelRNN(shape, levels, channels=3, layers=2, head_channels=5))


def prior(shape: tuple[int, int, int], levels: int, **arguments: Any) -> Model:
    widths = {"channels": 8, "kernel": 3, "blocks": 2, "residuals": 1, "residual_channels": 6, "heads": 2}
    stack = {"map_residuals": 1, "map_features": 5}
    return randomised(PixelSNAILPrior(shape, levels, **{**widths, **stack, **arguments}))


def prior_top(shape: tuple[int, int, int], levels: int) -> Model:
    return prior(shape, levels, out_residuals=1)


def prior_bottom(shape: tuple[int, int, int], levels: int) -> Model:
    return prior(shape, levels, kernel=5, blocks=1, attention=False, map_levels=7)


def prior_of_both(shape: tuple[int, int, int], levels: int) -> Model:
    """Conditioned on labels and on a map of the same height and width, of two codes a place."""
    return prior(shape, levels, blocks=1, classes=3, map_levels=4, map_ratio=1, map_channels=2, map_kernel=1)


STACK = {"map_residuals": 1, "map_features": 5}


def pixelsnail_of_a_map(shape: tuple[int, int, int], levels: int) -> Model:
    return pixelsnail(shape, levels, map_levels=4, **STACK)


def pixelsnail_of_both(shape: tuple[int, int, int], levels: int) -> Model:
    """Conditioned on a map of the same size and on labels, of which training leaves some out."""
    return pixelsnail(shape, levels, classes=3, label_dropout=0.2, map_levels=3, map_ratio=1, seed=3, **STACK)


def original_of_a_map(shape: tuple[int, int, int], levels: int) -> Model:
    widths = {"channels": 6, "blocks": 2, "residuals": 1, "mixtures": 2, "key": 3, **STACK}
    return randomised(PixelSNAILOriginal(shape, levels, **widths, attention_downsample=2, map_levels=5))


def pixelcnnpp_of_a_map(shape: tuple[int, int, int], levels: int) -> Model:
    widths = {"channels": 4, "residuals": 1, "mixtures": 2, **STACK}
    return randomised(PixelCNNpp(shape, levels, **widths, map_levels=5, map_ratio=2, map_channels=2))


def pixelcnnpp_of_a_fine_map(shape: tuple[int, int, int], levels: int) -> Model:
    """Its nodes of lower resolution are wider than a place of the map."""
    widths = {"channels": 4, "residuals": 1, "mixtures": 2, **STACK}
    return randomised(PixelCNNpp(shape, levels, **widths, map_levels=5, map_ratio=1, classes=2))


MODELS: dict[str, Build] = {
    "PixelSNAIL": pixelsnail,
    "PixelSNAIL without attention": convolutions,
    "PixelSNAIL without convolutions": attention,
    "PixelSNAILOriginal": original,
    "PixelSNAILOriginal pooled": pooled,
    "PixelSNAILPrior": prior_top,
    "PixelCNNpp": pixelcnnpp,
    "PixelCNN": pixelcnn,
    "GatedPixelCNN": gatedpixelcnn,
    "ImageGPT": imagegpt,
    "PixelRNN": pixelrnn,
    "PixelSNAIL of classes": pixelsnail_of_classes,
    "PixelSNAILOriginal of classes": original_of_classes,
    "PixelCNNpp of classes": pixelcnnpp_of_classes,
    "PixelSNAILPrior of a map": prior_bottom,
    "PixelSNAILPrior of a map and classes": prior_of_both,
    "PixelSNAIL of a map": pixelsnail_of_a_map,
    "PixelSNAIL of a map and classes": pixelsnail_of_both,
    "PixelSNAILOriginal of a map": original_of_a_map,
    "PixelCNNpp of a map": pixelcnnpp_of_a_map,
    "PixelCNNpp of a map and classes": pixelcnnpp_of_a_fine_map,
}
OF_MAPS = {name: MODELS[name] for name in MODELS if " of a map" in name}
CONDITIONAL = {name: MODELS[name] for name in MODELS if name.endswith("of classes")}
DIVISORS = {
    pooled: 2,
    prior_bottom: 2,
    pixelsnail_of_a_map: 2,
    original_of_a_map: 2,
    pixelcnnpp: 4,
    pixelcnnpp_of_classes: 4,
    pixelcnnpp_of_a_map: 4,
    pixelcnnpp_of_a_fine_map: 4,
}
"""What divides the height and width of a model's images."""
ONE_SIZE = {imagegpt}
"""The models that take images of one size only."""
SINGLE = {"PixelSNAIL of a map", "PixelCNNpp of a map", "PixelCNNpp of classes"}
"""The models of one condition that the quick tests leave out, since they have the same model of both."""
SEES_ALL = {"PixelSNAIL", "PixelSNAIL without convolutions", "PixelSNAILOriginal"}
"""The models that claim to see every earlier pixel."""


def fit(build: Build, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The shape, with a height and width that the model allows."""
    n = DIVISORS.get(build, 1)
    return shape[0], -shape[1] // n * -n, -shape[2] // n * -n


def context_of(model: Model, count: int, size: tuple[int, int] | None = None) -> Context | None:
    """A context of `count` images, of all classes in turn; None where the model takes none."""
    return model.condition.example(count, size or model.shape[1:])


def same_context(model: Model, count: int, number: int) -> Context | None:
    """The context of `count` images, all that of image `number` of `context_of`; None where the model takes none."""
    return of_images(context_of(model, number + 1), torch.full((count,), number))


def naive(model: Model, source: Source, batch: int, size: tuple[int, int] | None = None) -> Tensor:
    """What the reference sampler decides, for images of all classes in turn."""
    context = context_of(model, batch, size)
    return naive_walk(model, source, model.start(batch, size=size, context=context), context=context)


def walked(model: Model, source: Source, batch: int, segment: int | None = None, walks: Any = None) -> Tensor:
    """What the walk decides; `walks` is what stands for the model, if not itself."""
    cache = model.start(batch, context=context_of(model, batch))
    return walk(walks or model, source, cache, Plan(segment=segment))


every_model = pytest.mark.parametrize(
    "build",
    [pytest.param(MODELS[name], marks=pytest.mark.slow if name in SINGLE else (), id=name) for name in MODELS],
)


def random_levels(levels: int, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.randint(0, levels, shape, generator=torch.Generator().manual_seed(seed))


def every_image(levels: int, shape: tuple[int, int, int]) -> Tensor:
    """All levels ** (C * H * W) images: (N, C, H, W)."""
    count = shape[0] * shape[1] * shape[2]
    return torch.cartesian_prod(*[torch.arange(levels)] * count).view(-1, *shape)
