"""`check` finds the law that a model breaks, and a stranger's model draws from its own distribution all the same."""

import re
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import pixelsnail
from pixelsnail.engine import Draw
from pixelsnail.models import Model
from pixelsnail.nn import CausalConv, PixelConv, Pointwise, UnitScale, elu
from tiny import every_model, fit, naive, random_levels, randomised


class Good(Model):
    """Layers of the package alone, each given the segment."""

    def __init__(self, shape=(1, 4, 5), levels=2, head=None):
        super().__init__(shape, levels, head)
        self.stem = PixelConv(UnitScale(levels), CausalConv.masked(shape[0], 8, 5, centre=False))
        self.conv = CausalConv(8, 8, above=1, left=1)
        self.out = Pointwise(8, self.head.size)

    def forward(self, x: Tensor, segment=None, context=None) -> Tensor:
        h = self.stem(x, segment)
        return self.out(elu(h + self.conv(elu(h), segment)))


class Plain(Model):
    """Masked convolutions of torch's own: a likelihood without fault, and segments that see nothing around them."""

    def __init__(self, shape=(1, 4, 5), levels=2, head=None):
        super().__init__(shape, levels, head)
        self.first = nn.Conv2d(shape[0], 8, 3, padding=1)
        self.second = nn.Conv2d(8, self.head.size, 3, padding=1)
        mask = torch.ones(2, 3, 3)
        mask[:, 1, 1:], mask[1, 1, 1], mask[:, 2] = 0, 1, 0
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor, segment=None, context=None) -> Tensor:
        h = F.conv2d(x.to(self.first.weight), self.first.weight * self.mask[0], self.first.bias, padding=1)
        return F.conv2d(h.relu(), self.second.weight * self.mask[1], self.second.bias, padding=1)


class SeesItself(Good):
    def __init__(self, shape=(1, 4, 5), levels=2, head=None):
        super().__init__(shape, levels, head)
        self.stem = PixelConv(UnitScale(levels), CausalConv.masked(shape[0], 8, 5, centre=True))


class SeesAhead(Plain):
    def forward(self, x: Tensor, segment=None, context=None) -> Tensor:
        return super().forward(x.roll(-1, dims=-2))


class Forgets(Good):
    """One layer is not given the segment."""

    def forward(self, x: Tensor, segment=None, context=None) -> Tensor:
        h = self.stem(x, segment)
        return self.out(elu(h + self.conv(elu(h))))


class Breaks(Good):
    def forward(self, x: Tensor, segment=None, context=None) -> Tensor:
        return super().forward(x, segment) if segment is None else self.absent


def made(kind: type[Model], **options: object) -> Model:
    return randomised(kind(**options))


@every_model
def test_the_packages_models_keep_the_laws(build) -> None:
    laws = pixelsnail.check(build(fit(build, (1, 4, 5)), 2))
    assert laws.hold, str(laws)


def test_a_model_of_ones_own_that_keeps_the_laws_says_so() -> None:
    laws = pixelsnail.check(Good())
    assert laws.hold
    assert str(laws).count("holds") == 4
    assert laws.left_out == ()


@pytest.mark.parametrize(
    ("kind", "law", "where"),
    [
        (
            Plain,
            "segments",
            r"at pixel \d,\d parameters differ by .* between a segment of 1 pixels and the whole image",
        ),
        (Plain, "draws", r"the image of the naive engine has another level at pixel \d,\d"),
        (SeesItself, "causal", r"the parameters of pixel 0,0 change with that pixel itself"),
        (SeesItself, "sums", r"the probabilities of all 64 images of 2 x 3 pixels sum to [\d.e-]+"),
        (SeesAhead, "causal", r"the parameters of pixel \d,\d change with the later pixel \d,\d"),
        (Forgets, "segments", r"at pixel \d,\d parameters differ"),
        (Breaks, "segments", "AttributeError: 'Breaks' object has no attribute 'absent'"),
    ],
)
def test_the_law_that_fails_is_named_with_the_place(kind, law, where) -> None:
    laws = pixelsnail.check(made(kind))
    assert not laws.hold
    assert re.search(where, getattr(laws, law))
    assert f"{law:9} FAILS: " in str(laws)


def test_a_model_whose_only_fault_are_its_segments_has_no_other() -> None:
    laws = pixelsnail.check(made(Plain))
    assert (laws.causal, laws.sums) == (None, None)


def test_fresh_zeros_hide_nothing_and_the_model_stays_as_it_is() -> None:
    model = SeesItself().train()
    nn.init.zeros_(model.out.weight)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert pixelsnail.check(model).causal
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.training
    assert next(model.parameters()).dtype == torch.float32


def test_what_cannot_be_listed_is_said() -> None:
    laws = pixelsnail.check(made(Good, levels=256))
    assert laws.hold
    assert laws.left_out == ("sums was not tried: more than 4096 images have the smallest size of the model.",)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TypeError, match=r"model is a Linear; expected a subclass of pixelsnail\.Model"):
        pixelsnail.check(nn.Linear(1, 1))


@pytest.mark.parametrize("kind", [Plain, Forgets, Breaks])
@pytest.mark.parametrize("engine", ["auto", "eager", "compiled"])
def test_a_stranger_whose_layers_keep_nothing_draws_by_the_naive_engine_and_says_so(kind, engine) -> None:
    model = made(kind).double()
    expected = naive(model, Draw(3), 4)
    with pytest.warns(
        UserWarning, match=f"^{kind.__name__} draws by the naive engine, a forward pass for every pixel: "
    ):
        drawn = model.sample(4, seed=3, engine=engine)
    assert torch.equal(drawn.long(), expected)
    x, known = random_levels(2, (2, 1, 4, 5)), torch.arange(4)[:, None].expand(4, 5) < 2
    with pytest.warns(UserWarning, match="naive engine"):
        completed = model.complete(x, known)
    assert torch.equal(completed, model.complete(x, known, engine="naive"))


def test_a_stranger_that_keeps_the_law_draws_by_the_walk() -> None:
    calls: list[tuple[int, ...]] = []
    model = made(Good).double()
    model.register_forward_hook(lambda _, inputs, output: calls.append(tuple(output.shape)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = model.sample(4, seed=3)
    assert torch.equal(drawn, model.sample(4, seed=3, engine="naive"))
    assert any(shape[2] == 1 for shape in calls)
