"""Every model, tiny and with random weights: a new model adds its lines here, and every law holds for it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pixelsnail.models import Model, PixelSNAIL

Build = Callable[..., Model]


def randomised(model: Model, seed: int = 0) -> Model:
    """Weights that are not initial ones: a fresh model with zeroed outputs obeys any law."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            scale = 1.5 * max(parameter[0].numel(), 1) ** -0.5 if parameter.dim() > 1 else 0.3
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def pixelsnail(shape: tuple[int, int, int], levels: int) -> Model:
    return randomised(PixelSNAIL(shape, levels, channels=8, blocks=2, residuals=1, key=2, value=4))


MODELS: dict[str, Build] = {"PixelSNAIL": pixelsnail}
SEES_ALL = {"PixelSNAIL"}
"""The models that claim to see every earlier pixel."""

every_model = pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)


def random_levels(levels: int, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.randint(0, levels, shape, generator=torch.Generator().manual_seed(seed))


def every_image(levels: int, shape: tuple[int, int, int]) -> Tensor:
    """All levels ** (C * H * W) images: (N, C, H, W)."""
    count = shape[0] * shape[1] * shape[2]
    return torch.cartesian_prod(*[torch.arange(levels)] * count).view(-1, *shape)
