"""The baselines of pytorch-generative beyond what the laws and the golden arrays say."""

import pytest
import torch

from pixelsnail import GatedPixelCNN, ImageGPT, PixelCNN
from tiny import random_levels, randomised


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (lambda: PixelCNN(), 3_223_617),
        (lambda: PixelCNN(channels=16), 53_569),
        (lambda: GatedPixelCNN(), 3_364_161),
        (lambda: ImageGPT(), 27_233),
        (lambda: ImageGPT(channels=64, heads=2), 401_489),
    ],
)
def test_defaults_and_published_models_have_their_parameters(model, parameters):
    assert sum(parameter.numel() for parameter in model().parameters()) == parameters


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: PixelCNN(channels=0), "channels is 0; expected a whole number of at least 1"),
        (lambda: PixelCNN(layers=-1), "layers is -1; expected a whole number of at least 0"),
        (lambda: PixelCNN(head_channels=0), "head_channels is 0"),
        (lambda: GatedPixelCNN(channels=0), "channels is 0; expected a whole number of at least 1"),
        (lambda: GatedPixelCNN(layers=-1), "layers is -1; expected a whole number of at least 0"),
        (lambda: ImageGPT(heads=0), "heads is 0; expected a whole number of at least 1"),
        (lambda: ImageGPT(channels=6), "channels is 6 and heads 4; expected channels that heads divides"),
        (lambda: ImageGPT(blocks=-1), "blocks is -1"),
    ],
)
def test_an_impossible_model_is_refused(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        build()


@pytest.mark.parametrize("kind", [PixelCNN, GatedPixelCNN, ImageGPT])
def test_a_head_may_be_named(kind):
    model = kind((3, 4, 4), 256, channels=4, head="LogisticMixture")
    assert model.log_prob(random_levels(256, (2, 3, 4, 4))).isfinite().all()


def test_a_layer_of_pixelcnn_that_gives_nothing_doubles_its_features():
    model = PixelCNN((1, 3, 4), channels=4, layers=3)
    x = random_levels(2, (2, 1, 3, 4))
    for layer in model.layers:
        torch.nn.init.zeros_(layer.wide.weight)
        torch.nn.init.zeros_(layer.wide.bias)
    h = 8 * model.stem(x)
    assert torch.equal(model(x), model.out[1](model.out[0](h.relu()).relu()))


@pytest.mark.parametrize("kind", [PixelCNN, GatedPixelCNN])
def test_the_blind_spot_is_the_references(kind):
    """Row 3 sees the stem's three columns ahead in row 2, and depth adds one column in each row further up."""
    model = randomised(kind((1, 4, 16), channels=16, layers=5)).double()
    x = random_levels(2, (1, 1, 4, 16))
    for row, first in ((2, 9), (1, 8), (0, 7)):
        changed = x.clone()
        changed[..., row, 12] = 1 - x[..., row, 12]
        differs = (model(changed) != model(x))[0, 0, 3]
        assert not differs[:first].any()
        assert differs[first]


@pytest.mark.parametrize("layers", [0, 2])
def test_the_weights_of_gatedpixelcnn_without_gradient_are_those_that_nothing_reads(layers):
    """Processes that share gradients wait for that of every weight that asks for one."""
    model = GatedPixelCNN((1, 5, 6), channels=4, layers=layers)
    model.pixel_nats(random_levels(2, (2, 1, 5, 6))).sum().backward()
    last = f"layers.{layers - 1}" if layers else "first"
    without = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert without == {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert without == {f"{last}.{layer}.{kind}" for layer in ("own", "residual") for kind in ("weight", "bias")}


def test_imagegpt_has_one_size():
    model, x = ImageGPT((1, 4, 5), channels=4), random_levels(2, (2, 1, 5, 4))
    for act in (
        lambda: model.log_prob(x),
        lambda: model.sample(1, size=(5, 4)),
        lambda: model.complete(x, torch.eye(5, 4).bool()),
    ):
        with pytest.raises(ValueError, match="Images are 5 x 4, but this ImageGPT has learned the positions of 4 x 5"):
            act()


def test_the_last_position_of_imagegpt_is_never_read_and_all_others_are():
    model = randomised(ImageGPT((1, 3, 4), channels=4))
    model.pixel_nats(random_levels(2, (2, 1, 3, 4))).sum().backward()
    read = (model.stem.position.grad != 0).flatten()
    assert read[:-1].all()
    assert not read[-1]
