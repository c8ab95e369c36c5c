"""PixelRNN against its formulas, written out pixel by pixel."""

import pytest
import torch
import torch.nn.functional as F

from pixelsnail import PixelRNN
from tiny import random_levels, randomised
from tolerance import assert_close


def by_the_formulas(model: PixelRNN, x: torch.Tensor) -> torch.Tensor:
    """van den Oord et al. 2016, section 3.1: states of every pixel from those of the three pixels above it."""
    h = model.stem(x)
    batch, _, height, width = h.shape
    for layer, up in zip(model.layers, model.ups, strict=True):
        left, own = layer.input_to_state.weight[:, :, 0].unbind(-1)  # (4 D, 2 D) each
        sides = layer.state_to_state.weight.unbind(-1)  # three of (4 D, D)
        hidden, cell = torch.zeros(2, height, width, batch, len(layer.hidden), dtype=h.dtype)
        for i in range(height):
            for j in range(width):
                gates = h[:, :, i, j] @ own.T + layer.input_to_state.bias
                if j > 0:
                    gates = gates + h[:, :, i, j - 1] @ left.T
                for side, matrix in zip((-1, 0, 1), sides, strict=True):
                    if 0 <= j + side < width:
                        above = hidden[i - 1, j + side] if i > 0 else layer.hidden.expand(batch, -1)
                        gates = gates + above @ matrix.T
                out, forget, into, candidate = gates.chunk(4, dim=1)
                before = cell[i - 1, j] if i > 0 else layer.cell
                cell[i, j] = forget.sigmoid() * before + into.sigmoid() * candidate.tanh()
                hidden[i, j] = out.sigmoid() * cell[i, j].tanh()
        h = h + up(hidden.permute(2, 3, 0, 1))
    return model.out[1](F.relu(model.out[0](F.relu(h))))


@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 3, 2), (1, 1, 4), (2, 4, 1)])
@torch.no_grad()
def test_the_model_is_its_formulas(shape):
    model = randomised(PixelRNN(shape, 3, channels=4, layers=3, head_channels=5)).double()
    x = random_levels(3, (2, *shape))
    assert_close(model(x), by_the_formulas(model, x), torch.float64)


def test_the_default_is_the_papers_mnist_model():
    assert sum(parameter.numel() for parameter in PixelRNN().parameters()) == 57_345


def test_what_a_pixel_sees_widens_by_a_column_with_every_row():
    """With a stem that sees the left neighbour alone, one layer sees a triangle above and two pixels to the left."""
    model = randomised(PixelRNN((1, 5, 11), 2, channels=4, layers=1)).double()
    with torch.no_grad():
        kernel = model.stem.conv.weight
        kernel[:, :, :3] = 0
        kernel[:, :, 3, :2] = 0
    x = random_levels(2, (1, 1, 5, 11))
    before = model(x)[0, :, 3, 5]
    seen = torch.zeros(5, 11, dtype=torch.bool)
    for place in range(seen.numel()):
        other = x.clone()
        other.view(-1)[place] = 1 - other.view(-1)[place]
        seen.view(-1)[place] = not torch.equal(model(other)[0, :, 3, 5], before)
    expected = torch.zeros(5, 11, dtype=torch.bool)
    expected[3, 3:5] = True  # stem, then input to state
    for up in (1, 2, 3):
        expected[3 - up, 5 - up - 2 : 5 + up] = True
    assert torch.equal(seen, expected)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: PixelRNN(channels=0), "channels is 0; expected a whole number of at least 1"),
        (lambda: PixelRNN(layers=-1), "layers is -1; expected a whole number of at least 0"),
        (lambda: PixelRNN(head_channels=0), "head_channels is 0"),
    ],
)
def test_an_impossible_model_is_refused(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        build()
