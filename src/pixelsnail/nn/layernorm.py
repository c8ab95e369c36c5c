"""Layer normalisation of single pixels."""

from torch import Tensor, nn

from pixelsnail.nn.layout import channels_first, channels_last


class LayerNorm(nn.LayerNorm):
    """Every pixel's channels to mean 0 and variance 1, then gain and bias (Ba et al. 2016, arXiv 1607.06450)."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, D, H, W) -> the same."""
        return channels_first(super().forward(channels_last(input)))
