"""Convolutions are what their formulas say, gradients included."""

import pytest
import torch
import torch.nn.functional as F

from pixelsnail.nn import CausalConv, Pointwise, RowAboveConv
from tolerance import assert_close

SHAPES = [(1, 3, 1, 1), (2, 3, 1, 9), (2, 3, 7, 5)]


def agree(ours, expected, *inputs):
    assert_close(ours, expected, torch.float64)
    grad = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(ours, inputs, grad), torch.autograd.grad(expected, inputs, grad), strict=True
    ):
        assert_close(one, other, torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_causal_convolution_is_one_of_the_padded_image(shape):
    layer = CausalConv(3, 4, above=1, left=2).double()
    h = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    agree(layer(h), F.conv2d(F.pad(h, (2, 0, 1, 0)), layer.weight, layer.bias), h, layer.weight, layer.bias)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_masked_convolution_is_one_with_masked_weights(shape):
    layer = CausalConv.masked(3, 4, 3, centre=True).double()
    h = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 0]])
    agree(layer(h), F.conv2d(h, layer.weight * mask, layer.bias, padding=1), h, layer.weight, layer.bias)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_convolution_that_leaves_the_pixel_out_is_one_of_the_padded_and_cut_image(shape):
    layer = CausalConv(3, 4, above=0, left=2, right=-1, behind=1).double()
    h = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    expected = F.conv2d(F.pad(h, (2, 0, 0, 0)), layer.weight, layer.bias)[..., :-1]
    agree(layer(h), expected, h, layer.weight, layer.bias)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_convolution_of_the_row_above_is_zero_in_the_first_row(shape):
    layer = RowAboveConv(3, 4, 1).double()
    h = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    below = F.conv2d(h, layer.weight, layer.bias, padding=(0, 1))[:, :, :-1]
    expected = torch.cat([torch.zeros(shape[0], 4, 1, shape[3]).double(), below], dim=2)
    agree(layer(h), expected, h, layer.weight, layer.bias)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pointwise_convolution_is_one_of_the_concatenation(shape):
    layer = Pointwise(5, 4).double()
    h, planes = torch.randn(shape, dtype=torch.float64, requires_grad=True), torch.randn(1, 2, *shape[2:]).double()
    both = torch.cat([planes.expand(len(h), -1, -1, -1), h], dim=1)
    agree(layer(planes, h), F.conv2d(both, layer.weight, layer.bias), h, layer.weight, layer.bias)
    with torch.no_grad():
        assert_close(layer(planes, h), F.conv2d(both, layer.weight, layer.bias), torch.float64)


def test_autocast_computes_in_its_dtype_and_gives_gradients_in_the_parameters_own():
    layer = CausalConv(3, 4, above=1, left=1)
    h = torch.randn(2, 3, 5, 5, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(h)
    assert out.dtype == torch.bfloat16
    expected = F.conv2d(F.pad(h, (1, 0, 1, 0)), layer.weight, layer.bias)
    assert_close(out.float(), expected, torch.bfloat16)
    for one, other in zip(
        torch.autograd.grad(out.float().sum(), (h, layer.weight, layer.bias)),
        torch.autograd.grad(expected.sum(), (h, layer.weight, layer.bias)),
        strict=True,
    ):
        assert one.dtype == torch.float32
        assert_close(one, other, rtol=2e-2, atol=0.2)  # the bias sums 50 gradients of bfloat16
