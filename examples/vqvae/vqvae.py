"""A small VQ-VAE of two levels: an image of H x W pixels as H/2 x W/2 codes, and those as H/4 x W/4 codes above them.

A. Razavi, A. van den Oord, O. Vinyals: Generating diverse high-fidelity images with VQ-VAE-2, 2019, arXiv 1906.00446.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from vector_quantize_pytorch import VectorQuantize

from pixelsnail.data import Images


class Residual(nn.Sequential):
    """h + a convolution of 3 x 3 and one of 1 x 1, after ReLUs."""

    def __init__(self, channels: int) -> None:
        half = channels // 2
        super().__init__(nn.ReLU(), nn.Conv2d(channels, half, 3, padding=1), nn.ReLU(), nn.Conv2d(half, channels, 1))

    def forward(self, h: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        return h + super().forward(h)


def halving(inputs: int, channels: int) -> nn.Module:
    """(B, inputs, H, W) -> (B, channels, H / 2, W / 2)."""
    return nn.Sequential(nn.Conv2d(inputs, channels, 4, stride=2, padding=1), Residual(channels), Residual(channels))


def doubling(inputs: int, outputs: int, channels: int) -> nn.Module:
    """(B, inputs, H, W) -> (B, outputs, 2 H, 2 W)."""
    first = nn.Conv2d(inputs, channels, 3, padding=1)
    last = nn.ConvTranspose2d(channels, outputs, 4, stride=2, padding=1)
    return nn.Sequential(first, Residual(channels), Residual(channels), nn.ReLU(), last)


class TwoLevels(nn.Module):
    """x -> encode -+-> encode_top -> quantise -> top codes -> decode_top -+
                    |                                                      |
                    +-> join <---------------------------------------------+
                         +-> quantise -> bottom codes, which with the decoded top ones -> decode -> x

    `codes` is the size of both codebooks, `width` that of a code's vector.
    """

    def __init__(self, channels: int = 32, width: int = 16, codes: int = 64) -> None:
        super().__init__()
        self.encode_bottom, self.encode_top = halving(1, channels), halving(channels, channels)
        self.to_top, self.decode_top = nn.Conv2d(channels, width, 1), doubling(width, channels, channels)
        self.to_bottom = nn.Conv2d(2 * channels, width, 1)
        self.decode = doubling(channels + width, 1, channels)
        self.top, self.bottom = (
            VectorQuantize(
                width, codes, decay=0.95, kmeans_init=True, threshold_ema_dead_code=1, accept_image_fmap=True
            )
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Grey (B, 1, H, W) in [0, 1] -> logits of the same shape, top and bottom codes, and the quantisers' loss."""
        h = self.encode_bottom(x)
        top, top_codes, top_loss = self.top(self.to_top(self.encode_top(h)))
        above = self.decode_top(top)
        bottom, bottom_codes, bottom_loss = self.bottom(self.to_bottom(torch.cat([h, above], dim=1)))
        logits = self.decode(torch.cat([above, bottom], dim=1))
        return logits, top_codes, bottom_codes, top_loss + bottom_loss

    @torch.inference_mode()
    def images(self, top: Tensor, bottom: Tensor) -> Tensor:
        """Grey levels (B, 1, H, W), uint8, of codes (B, 1, H / 4, W / 4) and (B, 1, H / 2, W / 2)."""
        above = self.decode_top(self.top.get_output_from_indices(top[:, 0].long()))
        below = self.bottom.get_output_from_indices(bottom[:, 0].long())
        grey = self.decode(torch.cat([above, below], dim=1)).sigmoid()
        return (grey * 255).round().to(torch.uint8)


def fit(images: Images, steps: int, batch: int = 64, seed: int = 0, **arguments: int) -> TwoLevels:
    """A model trained on grey images of 256 levels. Its loss is the cross-entropy of grey values taken as shares."""
    torch.manual_seed(seed)
    model = TwoLevels(**arguments).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        x = images.batch(torch.randint(0, len(images), (batch,))) / 255
        logits, _, _, loss = model(x)
        error = F.binary_cross_entropy_with_logits(logits, x)
        optimizer.zero_grad()
        (error + 0.1 * loss).backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            print(f"VQ-VAE, step {step + 1}: cross-entropy {error.item():.4f} a pixel")
    return model.eval()


@torch.inference_mode()
def encode(model: TwoLevels, images: Images, batch: int = 250) -> tuple[Tensor, Tensor]:
    """The codes of all images: (N, H / 4, W / 4) and (N, H / 2, W / 2)."""
    parts = [model(images.batch(part) / 255)[1:3] for part in torch.arange(len(images)).split(batch)]
    top, bottom = (torch.cat(level) for level in zip(*parts, strict=True))
    return top, bottom
