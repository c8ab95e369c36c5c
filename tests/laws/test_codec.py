"""The codec: what goes in comes out, in as many bits as the likelihood says."""

import math

import pytest
import torch

import pixelsnail
import pixelsnail.codec
from pixelsnail.models.condition import of_images
from tiny import context_of, every_model, fit, random_levels

PER_FILE, PER_IMAGE = 64, 8
"""Bytes beside 1.001 times -log2 p(x)."""
SHAPES = [((1, 4, 5), 2), ((1, 3, 4), 7), ((2, 4, 3), 3), ((3, 4, 4), 256)]


@every_model
@pytest.mark.parametrize(("shape", "levels"), SHAPES)
def test_images_come_out_as_they_went_in_and_files_are_as_short_as_the_likelihood_says(build, shape, levels):
    """Random images, and images that the model draws, in one file."""
    shape = fit(build, shape)
    model = build(shape, levels)
    context = context_of(model, 6)
    drawn = model.sample(3, seed=1, context=of_images(context, slice(3)))
    x = torch.cat([drawn, random_levels(levels, (3, *shape)).to(drawn.dtype)])
    bits = -model.log_prob(x, context) / math.log(2)
    for numerics, together in (("portable", 1), ("fast", 1), ("portable", 4)):
        data = pixelsnail.compress(model, x, context, numerics, together=together, batch=4)
        again = pixelsnail.decompress(model, data)
        assert again.dtype == drawn.dtype
        assert torch.equal(again, x)
        assert len(data) <= 1.001 * bits.sum().item() / 8 + PER_FILE + 6 * PER_IMAGE + context_bytes(context)
        for image in (0, 5):
            assert torch.equal(pixelsnail.decompress(model, data, image), x[image])


def context_bytes(context):
    """What a context of whole numbers takes in a file, at most."""
    if context is None:
        return 0
    parts = context if isinstance(context, dict) else {"": context}
    values = [
        len(name) + 32 + part.numel() * math.log2(max(2, int(part.max()) + 1)) / 8 for name, part in parts.items()
    ]
    return sum(values)


@every_model
def test_portable_files_do_not_depend_on_the_batch_and_models_stay_as_they_are(build):
    shape = fit(build, (1, 4, 4))
    model = build(shape, 5)
    x, context = random_levels(5, (5, *shape)), context_of(model, 5)
    model.train()
    data = pixelsnail.compress(model, x, context)
    assert model.training
    assert next(model.parameters()).dtype == torch.float32
    assert pixelsnail.compress(model, x, context, batch=2) == data
    assert pixelsnail.compress(model.double().eval(), x, context) == data  # the same weights
    assert torch.equal(pixelsnail.decompress(model.float(), data, batch=1), x)
    assert torch.equal(pixelsnail.decompress(model, data, batch=3), x)


@pytest.mark.parametrize("levels", [2, 3, 16, 256, 512])
def test_noise_costs_hardly_more_than_its_levels(levels):
    """A model that is sure of something else: levels as they are, 2 % more at most."""
    from tiny import pixelsnail as build

    model = build((1, 16, 16), levels)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    x = random_levels(levels, (20, 1, 16, 16), seed=3)
    assert -model.log_prob(x).sum() > 1.5 * x.numel() * math.log(levels)
    data = pixelsnail.compress(model, x)
    assert len(data) <= 1.02 * x.numel() * math.log2(levels) / 8 + PER_FILE + 20 * PER_IMAGE
    assert torch.equal(pixelsnail.decompress(model, data), x)


@pytest.mark.parametrize("numerics", ["portable", "fast"])
@pytest.mark.parametrize("levels", [2, 512])
def test_certain_levels_cost_nothing_and_impossible_ones_can_be_coded(numerics, levels):
    """Logits of 200 nats: p is 1 or 0 to any float."""
    from tiny import pixelsnail as build

    model = build((1, 12, 12), levels)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        (bias,) = [p for name, p in model.named_parameters() if name.endswith("bias")][-1:]
        bias[0] = -200.0 if levels == 2 else 200.0  # always level 0
    certain = torch.zeros(1, 1, 12, 12, dtype=torch.long)
    assert model.log_prob(certain).item() == pytest.approx(0, abs=1e-6)
    data = pixelsnail.compress(model, certain, numerics=numerics)
    assert len(data) <= PER_FILE + PER_IMAGE
    assert torch.equal(pixelsnail.decompress(model, data), certain)
    for count in (1, 100, 144):
        x = certain.clone()
        x.view(-1)[:count] = levels - 1
        data = pixelsnail.compress(model, x, numerics=numerics)
        assert torch.equal(pixelsnail.decompress(model, data), x)
        assert len(data) <= 1.02 * x.numel() * math.log2(levels) / 8 + PER_FILE + PER_IMAGE


@pytest.mark.parametrize("numerics", ["portable", "fast"])
def test_no_image_one_pixel_and_several_sizes(numerics):
    from tiny import pixelsnail as build

    model = build((2, 4, 5), 3)
    empty = torch.zeros(0, 2, 4, 5, dtype=torch.uint8)
    data = pixelsnail.compress(model, empty, numerics=numerics)
    assert len(data) <= PER_FILE
    assert torch.equal(pixelsnail.decompress(model, data), empty)
    assert pixelsnail.decompress(model, pixelsnail.compress(model, [], numerics=numerics)).shape == (0, 2, 4, 5)
    pixel = torch.tensor([2, 1], dtype=torch.uint8).view(1, 2, 1, 1)
    data = pixelsnail.compress(model, pixel, numerics=numerics)
    assert len(data) <= -model.log_prob(pixel).item() / math.log(2) / 8 + PER_FILE + PER_IMAGE
    assert torch.equal(pixelsnail.decompress(model, data), pixel)
    sizes = [(4, 5), (1, 1), (7, 2), (4, 5), (1, 9), (4, 5)]
    images = [random_levels(3, (2, *size), seed=i) for i, size in enumerate(sizes)]
    data = pixelsnail.compress(model, images, numerics=numerics, together=2, batch=2)
    again = pixelsnail.decompress(model, data)
    assert isinstance(again, list)
    assert all(torch.equal(a, b) for a, b in zip(again, images, strict=True))
    assert torch.equal(pixelsnail.decompress(model, data, index=4), images[4])


@pytest.mark.parametrize("numerics", ["portable", "fast"])
@pytest.mark.parametrize("size", [(4, 4), (4, 5)])
def test_a_model_of_several_orders_codes_an_image_in_its_likeliest(numerics, size):
    """Along rows where it is not square; an order that the context names is the one."""
    from pixelsnail.models import Ordered
    from tiny import randomised

    of = {"model": "PixelSNAIL", "shape": (2, *size), "levels": 3, "channels": 4, "blocks": 1, "classes": 2}
    model, count = randomised(Ordered(of)), 9
    x, labels = random_levels(3, (count, 2, *size)), torch.arange(count) % 2
    x[0, :, :, 0] = 2  # its best order is another's
    each = torch.stack([-model.log_prob(x, labels, order=k) / math.log(2) for k in range(8 if size == (4, 4) else 4)])
    assert len(set(each.argmin(0).tolist())) > 2
    file = pixelsnail.compress(model, x, labels, numerics=numerics)
    assert torch.equal(pixelsnail.decompress(model, file), x)
    assert torch.equal(pixelsnail.decompress(model, file, index=3), x[3])
    assert pixelsnail.codec.read(file).context["order"].tolist() == each.argmin(0).tolist()
    least = each.amin(0).sum().item()
    assert pixelsnail.codec.information(model, x, labels) == pytest.approx(least)
    context_and_names = 16 + 2 * count / 2
    assert len(file) <= 1.001 * least / 8 + PER_FILE + count * PER_IMAGE + context_and_names
    named = {"order": torch.full((count,), 2), "labels": labels}
    file = pixelsnail.compress(model, x, named, numerics=numerics)
    assert torch.equal(pixelsnail.decompress(model, file), x)
    assert pixelsnail.codec.information(model, x, named) == pytest.approx(each[2].sum().item())


def test_an_image_that_is_not_square_has_no_order_along_columns():
    from pixelsnail.models import Ordered

    model = Ordered({"model": "PixelSNAIL", "shape": (1, 4, 5), "levels": 2, "channels": 4, "blocks": 1})
    x = random_levels(2, (2, 1, 4, 5))
    with pytest.raises(ValueError, match="Image 1 is 4 x 5 and in order 6, along columns; expected an order below 4"):
        pixelsnail.compress(model, x, {"order": torch.tensor([0, 6])})


def test_several_sizes_keep_their_labels():
    from tiny import pixelsnail_of_classes

    model = pixelsnail_of_classes((1, 4, 5), 2)
    sizes = [(4, 5), (3, 3), (4, 5)]
    images = [random_levels(2, (1, *size), seed=i) for i, size in enumerate(sizes)]
    labels = torch.tensor([2, 0, 1])
    data = pixelsnail.compress(model, images, labels)
    assert all(torch.equal(a, b) for a, b in zip(pixelsnail.decompress(model, data), images, strict=True))
    swapped = torch.tensor([0, 2, 1])
    assert pixelsnail.compress(model, images, swapped) != data


@pytest.mark.parametrize("numerics", ["portable", "fast"])
def test_images_that_share_streams_cost_less_than_a_byte_each(numerics):
    """Also where some of them are stored as they are."""
    from tiny import pixelsnail as build

    model = build((1, 4, 5), 2)
    x = model.sample(150, seed=2)
    x[::7] = 1 - x[::7]  # unlikely ones
    data = pixelsnail.compress(model, x, numerics=numerics, together=30, batch=3)
    stored = pixelsnail.codec.read(data).stored
    assert stored
    bits = -model.log_prob(x) / math.log(2)
    assert len(data) <= PER_FILE + torch.minimum(bits, torch.tensor(20.0)).sum().item() / 8 + 150 + len(stored)
    assert torch.equal(pixelsnail.decompress(model, data, batch=2), x)
    assert torch.equal(pixelsnail.decompress(model, data, 149), x[149])
    with pytest.raises(ValueError, match="together is 65"):
        pixelsnail.compress(model, x, together=65)


@pytest.mark.parametrize("numerics", ["portable", "fast"])
def test_a_walk_with_good_guesses_decodes_the_same(numerics):
    """Digits: segments of many pixels, images that finish apart."""
    model = pixelsnail.load("mnist")
    x = pixelsnail.data.open("mnist-mini", "test", binarize="threshold").batch(range(4))
    data = pixelsnail.compress(model, x, numerics=numerics, batch=3)
    assert torch.equal(pixelsnail.decompress(model, data, batch=2), x)
