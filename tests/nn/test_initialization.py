"""Salimans & Kingma 2016, section 3: outputs of weight-normalised layers are standardised on the first images."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.nn import Delay, PixelDelay, Positions, UnitScale
from pixelsnail.nn.initialization import initialize
from pixelsnail.nn.position import position_planes
from tolerance import assert_close, close_to


class Layer(nn.Module):
    """The smallest weight-normalised layer: y = gain * response + bias."""

    def __init__(self, inputs: int, outputs: int, init_scale: float = 1.0, size: int = 2) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.gain, self.bias = nn.Parameter(torch.ones(outputs)), nn.Parameter(torch.zeros(outputs))
        self.init_scale = init_scale

    def response(self, h: Tensor, beside: Tensor | None = None) -> Tensor:
        h = h if beside is None else torch.cat([h, beside], dim=1)
        return F.conv2d(h, self.weight / self.weight.flatten(1).norm(dim=1)[:, None, None, None])

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.response(*inputs) * self.gain[:, None, None] + self.bias[:, None, None]


class Stack(nn.Module):
    """Its layers are called in another order than they are listed, one of them with two inputs, with dropout between.

    Remembers what each layer gave in the latest pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last, self.second, self.first = Layer(5, 2, 0.1), Layer(6, 5), Layer(1, 3)
        self.dropout, self.frozen = nn.Dropout(0.5), nn.Dropout(0.5).eval()

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        assert not torch.is_grad_enabled()
        self.offset = 0.0 if context is None else context.float()[:, None, None, None]
        first = self.first(x.float() + self.offset)
        second = self.second(F.elu(first), self.frozen(first))
        out = self.last(self.dropout(F.elu(second)))
        self.outputs = {self.first: first, self.second: second, self.last: out}
        return out


def levels() -> Tensor:
    return torch.randint(0, 256, (8, 1, 9, 7))


def test_every_layers_outputs_have_mean_zero_and_deviation_init_scale():
    model, x = Stack(), levels()
    assert initialize(model, x) == 3
    during = model.outputs
    with torch.no_grad():
        model.eval()(x)
    for layer, out in model.outputs.items():
        assert_close(out, during[layer])  # an ordinary pass gives what the pass itself gave
        assert_close(out.mean((0, 2, 3)), torch.zeros(out.shape[1]))
        deviation = out.std((0, 2, 3), correction=0)
        assert_close(deviation, torch.full_like(deviation, layer.init_scale))


def test_the_formula():
    model, x = Stack(), levels()
    y = model.first.response(x.float())
    initialize(model, x, eps=100.0)
    variance = ((y - y.mean((0, 2, 3), keepdim=True)) ** 2).mean((0, 2, 3))
    assert_close(model.first.gain, 1 / (variance + 100).sqrt())
    assert_close(model.first.bias, -y.mean((0, 2, 3)) * model.first.gain)


def test_the_context_is_seen():
    one, two, x = Stack(), Stack(), levels()
    two.load_state_dict(one.state_dict())
    initialize(one, x)
    initialize(two, x, context=1000 * torch.arange(8))
    assert not torch.allclose(one.first.gain, two.first.gain)


def test_nothing_else_changes():
    model = Stack()
    modes = [module.training for module in model.modules()]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    initialize(model, levels())
    assert [module.training for module in model.modules()] == modes
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) == name.endswith("weight")
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    gains = model.first.gain.clone()
    with torch.no_grad():
        model(levels() // 7)  # no hook is left
    assert torch.equal(model.first.gain, gains)


def test_a_layer_that_is_called_twice_is_initialised_by_its_first_call():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = Layer(1, 1)

        def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
            self.once = self.layer(x.float())
            return self.layer(self.once)

    model, x = Twice(), levels()
    assert initialize(model, x) == 1
    with torch.no_grad():
        model(x)
    assert model.once.std(correction=0).item() == close_to(1)


def test_layers_of_delayed_features_see_every_pixel():
    class Keys(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.delay, self.position = Delay(), Positions(delay=True)
            self.pixel, self.layer = PixelDelay(UnitScale(256)), Layer(4, 3, size=1)

        def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
            h = x.float().sqrt()
            position = self.position(h).expand(len(h), -1, -1, -1)
            return self.layer(torch.cat([self.delay(h), position, self.pixel(x, h)], dim=1))

    model, x = Keys(), levels()
    initialize(model, x)
    h = x.float()
    seen = torch.cat([h.sqrt(), position_planes(9, 7, h).expand(8, -1, -1, -1), h / 255], dim=1)
    y = model.layer.response(seen)
    assert_close(model.layer.gain, 1 / y.std((0, 2, 3), correction=0))


def test_a_model_without_such_layers_is_not_even_called():
    assert initialize(nn.Conv2d(1, 1, 1), torch.zeros(1)) == 0
    merged = Layer(1, 1)
    merged.gain = None
    assert initialize(merged, torch.zeros(1)) == 0
