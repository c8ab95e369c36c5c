"""What a class label adds to features."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.nn.segment import Given


class ClassBias(nn.Module):
    """A bias for each class of image, the same at every pixel: a linear map of one-hot labels, without its zeros.

    (van den Oord et al. 2016, arXiv 1606.05328, section 2.3; Salimans et al. 2017 place it before the gate.)
    """

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, classes))
        nn.init.normal_(self.weight, std=0.05)

    def forward(self, given: Given) -> Tensor:
        """The labels (B,) in `given` -> (B, channels, 1, 1)."""
        return F.embedding(given["labels"], self.weight.t())[:, :, None, None]
