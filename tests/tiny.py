"""Every model, tiny and with random weights: a new model adds its lines here, and every law holds for it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pixelsnail.models import (
    GatedPixelCNN,
    ImageGPT,
    Model,
    PixelCNN,
    PixelCNNpp,
    PixelRNN,
    PixelSNAIL,
    PixelSNAILOriginal,
)

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


def pixelsnail(shape: tuple[int, int, int], levels: int, stem: int = 3) -> Model:
    return randomised(PixelSNAIL(shape, levels, channels=8, blocks=2, residuals=1, key=2, value=4, stem=stem))


def convolutions(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(PixelSNAIL(shape, levels, channels=8, blocks=2, residuals=1, attention=False, stem=5))


def attention(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(PixelSNAIL(shape, levels, channels=8, blocks=2, residuals=0, key=2, value=4), seed=1)


def original(shape: tuple[int, int, int], levels: int, factor: int = 1) -> Model:
    widths = {"channels": 6, "blocks": 2, "residuals": 1, "mixtures": 2, "key": 3}
    return randomised(PixelSNAILOriginal(shape, levels, **widths, attention_downsample=factor))


def pooled(shape: tuple[int, int, int], levels: int) -> Model:
    return original(shape, levels, factor=2)


def pixelcnnpp(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(PixelCNNpp(shape, levels, channels=4, residuals=1, mixtures=2))


def pixelcnn(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(PixelCNN(shape, levels, channels=4, layers=2, head_channels=5))


def gatedpixelcnn(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(GatedPixelCNN(shape, levels, channels=4, layers=2, head_channels=5))


def imagegpt(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(ImageGPT(shape, levels, channels=8, blocks=2, heads=2))


def pixelrnn(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(PixelRNN(shape, levels, channels=3, layers=2, head_channels=5))


MODELS: dict[str, Build] = {
    "PixelSNAIL": pixelsnail,
    "PixelSNAIL without attention": convolutions,
    "PixelSNAIL without convolutions": attention,
    "PixelSNAILOriginal": original,
    "PixelSNAILOriginal pooled": pooled,
    "PixelCNNpp": pixelcnnpp,
    "PixelCNN": pixelcnn,
    "GatedPixelCNN": gatedpixelcnn,
    "ImageGPT": imagegpt,
    "PixelRNN": pixelrnn,
}
DIVISORS = {pooled: 2, pixelcnnpp: 4}
"""What divides the height and width of a model's images."""
ONE_SIZE = {imagegpt}
"""The models that take images of one size only."""
SEES_ALL = {"PixelSNAIL", "PixelSNAIL without convolutions", "PixelSNAILOriginal"}
"""The models that claim to see every earlier pixel."""


def fit(build: Build, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The shape, with a height and width that the model allows."""
    n = DIVISORS.get(build, 1)
    return shape[0], -shape[1] // n * -n, -shape[2] // n * -n


every_model = pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)


def random_levels(levels: int, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.randint(0, levels, shape, generator=torch.Generator().manual_seed(seed))


def every_image(levels: int, shape: tuple[int, int, int]) -> Tensor:
    """All levels ** (C * H * W) images: (N, C, H, W)."""
    count = shape[0] * shape[1] * shape[2]
    return torch.cartesian_prod(*[torch.arange(levels)] * count).view(-1, *shape)
