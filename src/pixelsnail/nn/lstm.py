"""The Row LSTM: recurrence down the rows, all columns of a row at once."""

import torch
from torch import Tensor, nn

from pixelsnail.nn.convolution import CausalConv
from pixelsnail.nn.layout import channels_first, channels_last
from pixelsnail.nn.recurrence import advance, recur
from pixelsnail.nn.segment import Segment

SIDES = ((0, -1), (0, 0), (0, 1))
ABOVE = ((-1, -1), (-1, 0), (-1, 1))


class RowLSTM(nn.Module):
    """A long short-term memory whose time is the row (van den Oord et al. 2016, arXiv 1601.06759, section 3.1).

        o, f, i, g = K_is * x_row + K_ss * hidden_above          sigmoid of o, f, i; tanh of g
        cell       = f cell_above + i g
        hidden     = o tanh(cell)

    K_is sees the pixel and its left neighbour (1 x 3, mask B), K_ss three pixels of the row above, which are all
    decided; so in a segment no row may begin (`by_rows`). Above the first row both states are learned, beside the image
    they are zero.
    """

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.input_to_state = CausalConv(inputs, 4 * channels, above=0, left=1)
        self.state_to_state = nn.Conv1d(channels, 4 * channels, 3, padding=1, bias=False)
        self.hidden = nn.Parameter(torch.zeros(channels))
        self.cell = nn.Parameter(torch.zeros(channels))

    def forward(self, h: Tensor, segment: Segment | None = None) -> Tensor:
        """(B, inputs, H, W) -> the hidden states (B, channels, H, W); a segment -> a segment."""
        inputs = self.input_to_state(h, segment).to(self.cell.dtype)  # states stay in it under autocast
        if segment is not None:
            return self._segment(inputs, segment)
        return channels_first(recur(channels_last(inputs), self._kernel(), torch.stack([self.hidden, self.cell])))

    def _segment(self, inputs: Tensor, segment: Segment) -> Tensor:
        """The next pixels of a row, from what is kept of the row above."""
        like = inputs[:, : len(self.hidden)]
        hidden, cell = segment.recall(self, "hidden", ABOVE, like), segment.recall(self, "cell", ABOVE[1:2], like)
        first = ~segment.inside(ABOVE[1:2])  # (B, n, 1): in the first row
        begins = (first & segment.inside(SIDES))[..., None]  # (B, n, 3, 1): where the learned state is above
        hidden = torch.where(begins, self.hidden, hidden)
        cell = torch.where(first[..., None], self.cell, cell)[:, :, 0]
        kernel = segment.cache.once((self, "kernel"), self._kernel)
        gates = channels_last(inputs)[:, 0] + hidden.flatten(2) @ kernel  # (B, n, 4 channels)
        states = advance(gates.unflatten(-1, (4, -1)).movedim(-2, 0), cell)
        cell, hidden = (channels_first(state[:, None]) for state in states)
        segment.store(self, "hidden", hidden)
        segment.store(self, "cell", cell)
        return hidden

    def _kernel(self) -> Tensor:
        """What a state makes of the three above: (3 * channels, 4 * channels)."""
        return self.state_to_state.weight.permute(2, 1, 0).flatten(0, 1).contiguous()
