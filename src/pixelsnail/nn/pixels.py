"""Layers that read levels: the stem and the pixel delay. In a segment they read the canvas, and keep no copy."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.nn.convolution import CausalConv
from pixelsnail.nn.delay import delayed
from pixelsnail.nn.layout import channels_first, laid_out
from pixelsnail.nn.segment import Given, Segment


class UnitScale(nn.Module):
    """Levels 0 ... L - 1 to 0 ... 1, as the pytorch-generative models read them (L = 2: the published 0/1 input)."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """Levels of any integer dtype -> floats of the dtype of `like`."""
        return x.to(like.dtype) / (self.levels - 1)


def precisely(layer: Callable[[Tensor], Tensor], pixels: Tensor) -> Tensor:
    """What a layer makes of pixels (B, C, H, W), computed in their own precision and given in that of autocast.

    bfloat16 tells neighbours of 256 levels hardly apart, and their difference, on which most of what a photograph's
    next pixel is depends, not at all.
    """
    kind = pixels.device.type
    if not torch.is_autocast_enabled(kind):
        return layer(pixels)
    with torch.autocast(kind, enabled=False):
        features = layer(pixels)
    return features.to(torch.get_autocast_dtype(kind))


class PixelConv(nn.Module):
    """The first layer: a causal convolution of the image itself."""

    def __init__(self, scale: nn.Module, conv: CausalConv) -> None:
        super().__init__()
        self.scale, self.conv = scale, conv

    def forward(self, x: Tensor, segment: Segment | None = None) -> Tensor:
        """Levels (B, C, H, W), or a segment of them -> features."""
        conv = self.conv
        if segment is None:
            return laid_out(precisely(conv, self.scale(x, conv.weight)))
        levels, inside = segment.pixels_at(conv.offsets)  # (B, n, offsets, C)
        seen = torch.where(inside, self.scale(levels, conv.weight), 0.0)
        return conv.combine(seen.flatten(2).flatten(0, 1), segment)


class LinearPrediction(PixelConv):
    """What a pixel's parameters are by a linear function of the pixels around it, in float32 whatever else is computed
    in: a network beside it has what is left to explain. Nothing at first."""

    def __init__(self, scale: nn.Module, conv: CausalConv) -> None:
        super().__init__(scale, conv)
        for parameter in conv.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, segment: Segment | None = None) -> Tensor:
        """Levels (B, C, H, W), or a segment of them -> parameters."""
        if not torch.is_autocast_enabled(x.device.type):
            return super().forward(x, segment)
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x, segment)


class PositionedPixelConv(PixelConv):
    """The same of the image with a learned map (1, C, H, W) added to it. Outside of the image both are zero.

    conv(x + map) = conv(x) + (conv(map) - conv(0)), of which the second term is the same all along a walk.
    """

    def __init__(self, scale: nn.Module, conv: CausalConv, shape: tuple[int, int, int]) -> None:
        super().__init__(scale, conv)
        self.position = nn.Parameter(torch.zeros(1, *shape))

    def forward(self, x: Tensor, segment: Segment | None = None) -> Tensor:
        """Levels (B, C, H, W), or a segment of them -> features."""
        conv, position = self.conv, self.position
        if segment is None:
            return laid_out(precisely(conv, self.scale(x, conv.weight) + position))
        whole: Tensor = segment.cache.once(
            (self, "position"), lambda: conv(position) - conv(torch.zeros_like(position))
        )
        return super().forward(x, segment) + segment.place(whole)


class PixelDelay(nn.Module):
    """The raster-previous pixel at every position; what the first one gets is never used."""

    def __init__(self, scale: nn.Module) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor, like: Tensor, segment: Segment | None = None) -> Tensor:
        """Levels (B, C, H, W), or a segment of them -> floats of the same shape and of the dtype of `like`."""
        if segment is None:
            return delayed(self.scale(x, like))
        levels, inside = segment.pixel_before()  # (B, n, C)
        return channels_first(torch.where(inside, self.scale(levels, like), 0.0)[:, None])


class PixelsBehind(PixelDelay):
    """The image itself as a stream that is one pixel behind (`Behind`)."""

    def forward(self, x: Tensor, like: Tensor, segment: Segment | None = None) -> Tensor:
        """Levels (B, C, H, W), or a segment of them -> floats of the same shape and of the dtype of `like`."""
        if segment is None:
            whole: Tensor = self.scale(x, like)
            return whole
        return super().forward(x, like, segment)


class SymmetricScale(nn.Module):
    """Levels 0 ... L - 1 to -1 ... 1, as the paper's models read them."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """Levels of any integer dtype -> floats of the dtype of `like`."""
        half = (self.levels - 1) / 2
        return (x.to(like.dtype) - half) / half


class ShiftedPixelConv(nn.Module):
    """A first layer of the paper's models: a convolution of the image, moved down or right by one so as to be causal.

    The image has one more channel, of ones, by which a kernel tells the image from the zeros around it. What is moved
    in is zero (and not the bias).
    """

    def __init__(self, scale: nn.Module, conv: CausalConv, *, down: int, right: int) -> None:
        super().__init__()
        self.scale, self.conv, self.down, self.right = scale, conv, down, right
        self.offsets = tuple((row - down, column - right) for row, column in conv.offsets)

    def forward(self, x: Tensor, segment: Segment | None = None) -> Tensor:
        """Levels (B, C, H, W), or a segment of them -> features."""
        if segment is None:
            out = precisely(self.conv, F.pad(self.scale(x, self.conv.weight), (0, 0, 0, 0, 0, 1), value=1.0))
            return F.pad(out, (self.right, -self.right, self.down, -self.down))
        levels, inside = segment.pixels_at(self.offsets)  # (B, n, offsets, C), (B, n, offsets, 1)
        pixels = torch.where(inside, self.scale(levels, self.conv.weight), 0.0)
        seen = torch.cat([pixels, inside.to(pixels.dtype)], dim=-1).flatten(2).flatten(0, 1)
        moved = inside[:, :, self.offsets.index((-self.down, -self.right)), 0]
        return self.conv.combine(seen, segment) * moved[:, None, None]


class Above(nn.Module):
    """A stream that knows the rows above alone, and so may look to both sides within a row.

    It maps levels to several features of the same width. In a walk it runs on a whole row, of the images that begin
    that row: all it sees is decided by then. So no segment may go over the end of a row (`Model.by_rows`).
    """

    def __init__(self, stream: nn.Module, width: int) -> None:
        super().__init__()
        self.stream, self.width = stream, width

    def forward(self, x: Tensor, segment: Segment | None, given: Given) -> Sequence[Tensor]:
        """Levels (B, C, H, W), or a segment of them -> features of each, in order."""
        if segment is None:
            return self.stream(x, None, given)
        return segment.ahead(self).split(self.width, dim=1)

    def at(self, segment: Segment) -> Tensor:
        """All features of a segment of every image, joined: (B, D, 1, n). Runs the rows that have begun since."""
        cache, rows = segment.cache, segment.cache.stream(self)  # its positions are the rows not run yet
        late = (cache.position.clamp(max=cache.pixels - 1) >= rows.position).nonzero()[:, 0]
        if len(late):
            row = rows.segment(rows.width, late)
            given = {name: value[late] for name, value in cache.given.items()}
            row.store(self, "result", torch.cat(list(self.stream(row.levels, row, given)), dim=1))
            rows.position[late] += rows.width
        result = rows.buffers[self, "result"]
        seen = result.view(-1, result.shape[-1]).index_select(0, segment.places())
        return channels_first(seen.view(segment.batch, 1, segment.length, -1))
