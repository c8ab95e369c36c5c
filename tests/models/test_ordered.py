"""One network, eight raster orders: each a model of its own, and so is their mixture."""

import math

import pytest
import torch

import pixelsnail
from pixelsnail.engine import Draw, Known, naive_walk, walk
from pixelsnail.models import MODELS, Ordered
from pixelsnail.models.condition import of_images
from pixelsnail.nn import raster
from tiny import every_image, random_levels, randomised
from tolerance import assert_close, close_to

SMALL = {"channels": 8, "blocks": 2, "residuals": 1, "key": 2, "value": 4}
PRIOR = {"channels": 8, "kernel": 3, "blocks": 1, "residuals": 1, "residual_channels": 6, "heads": 2}
MAP = {"map_levels": 4, "map_ratio": 1, "map_residuals": 1, "map_features": 5}
NETWORKS = {
    "PixelSNAIL": {"model": "PixelSNAIL", **SMALL},
    "of classes": {"model": "PixelSNAIL", **SMALL, "classes": 3},
    "of a map": {"model": "PixelSNAILPrior", **PRIOR, **MAP},
    "of a map and classes": {"model": "PixelSNAILPrior", **PRIOR, **MAP, "classes": 3},
}
every_network = pytest.mark.parametrize("of", NETWORKS.values(), ids=NETWORKS)


def ordered(of=NETWORKS["PixelSNAIL"], shape=(1, 3, 4), levels=2, orders=8):
    return randomised(Ordered({**of, "shape": shape, "levels": levels}, orders)).double()


def own_context(model, count):
    """A context of `count` images, all of another class in turn, in no order."""
    return model.condition.own.example(count, model.shape[1:])


def same(model, count):
    return of_images(own_context(model, 2), torch.ones(count).long())


def turn(x, order):
    """The definition: flips, then a transpose."""
    x = x.flip(3) if order & 1 else x
    x = x.flip(2) if order & 2 else x
    return x.transpose(2, 3) if order & 4 else x


@pytest.mark.parametrize("size", [(3, 4), (4, 4), (1, 5)])
def test_turning_is_flips_and_a_transpose_and_turning_back_undoes_it(size):
    x = torch.arange(2 * math.prod(size)).view(1, 2, *size)
    for order in range(8):
        columns, one = order >= 4, torch.tensor([order])
        turned = raster.turned(x, one, columns)
        assert torch.equal(turned, turn(x, order))
        assert torch.equal(raster.turned_back(turned, one, columns), x)
    assert len({tuple(visits.tolist()) for visits in raster.orders(3, 4)}) == 8


@every_network
@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 2, 2)])
@torch.no_grad()
def test_probabilities_of_all_images_sum_to_one_in_each_order_and_in_all(of, shape):
    model, x = ordered(of, shape), every_image(2, shape)
    context = same(model, len(x))
    for order in (None, *range(8)):
        assert model.log_prob(x, context, order).logsumexp(0).item() == close_to(0)


@every_network
@torch.no_grad()
def test_an_order_is_the_network_on_the_turned_image(of):
    model = ordered(of)
    x = random_levels(2, (5, 1, 3, 4))
    own = own_context(model, 5)
    found = []
    for order in range(8):
        label = torch.full((5,), order)
        parts = model.condition.by_name(own)
        if "labels" in parts:
            label = 3 * order + parts["labels"]
        context = {"labels": label, "map": turn(parts["map"], order)} if "map" in parts else label
        found.append(model.network.log_prob(turn(x, order).contiguous(), context))
        assert_close(model.log_prob(x, own, order), found[-1])
        nats = model.network.pixel_nats(turn(x, order).contiguous(), context)[:, None]
        named = model.condition.join(order, own, 5, x.device)
        assert_close(turn(model.pixel_nats(x, named)[:, None], order), nats)
    assert_close(model.log_prob(x, own), torch.stack(found).logsumexp(0) - math.log(8))
    mixed = torch.arange(5) * 3 % 8  # along rows and columns, in one batch
    assert_close(model.log_prob(x, own, mixed), torch.stack(found)[mixed, torch.arange(5)])


@torch.no_grad()
def test_the_shares_of_the_mixture_s_nats_sum_to_them():
    model, x = ordered(), random_levels(2, (5, 1, 3, 4))
    assert_close(model.pixel_nats(x).sum((1, 2)), -model.log_prob(x))


@pytest.mark.parametrize("size", [(4, 4), (3, 4)])
def test_every_engine_draws_the_image_of_the_definition(size):
    """Turn, draw pixel by pixel with whole forward passes, turn back."""
    model = ordered(shape=(1, *size), levels=3)
    for order in range(8):
        shape = size[::-1] if order & 4 else size
        label = torch.full((6,), order)
        cache = model.network.start(6, size=shape, context=label)
        expected = turn_back(naive_walk(model.network, Draw(2), cache, context=label), order)
        for engine, batch in (("naive", 6), ("eager", 6), ("eager", 4)):
            drawn = model.sample(6, seed=2, order=order, engine=engine, batch=batch)
            assert torch.equal(drawn.long(), expected)
        walked = walk(model, Draw(2), model.start(6, context={"order": label}))
        assert torch.equal(turn_back(walked, order), expected)


def turn_back(x, order):
    x = x.transpose(2, 3) if order & 4 else x
    x = x.flip(2) if order & 2 else x
    return x.flip(3) if order & 1 else x


@every_network
def test_draws_of_many_orders_are_those_of_each(of):
    model = ordered(of)
    order = torch.tensor([5, 0, 7, 2, 4, 4, 1])
    own = own_context(model, 7)
    drawn = model.sample(7, seed=3, context=own, order=order, batch=3)
    for k in set(order.tolist()):
        assert torch.equal(drawn[order == k], model.sample(7, seed=3, context=own, order=k)[order == k])
    free = model.sample(40, seed=3, context=own_context(model, 40))
    assert torch.equal(free[:9], model.sample(9, seed=3, context=own_context(model, 9), batch=2))


@torch.no_grad()
def test_draws_follow_the_mixture():
    shape, draws = (1, 2, 3), 20_000
    model = ordered(shape=shape).float()
    for parameter in model.parameters():
        parameter.mul_(0.6)  # no image is rare
    expected = draws * model.log_prob(every_image(2, shape)).exp()
    digits = model.sample(draws, seed=3, batch=5_000).long().flatten(1)
    observed = torch.bincount((digits * 2 ** torch.arange(5, -1, -1)).sum(1), minlength=64).double()
    kept = expected >= 5
    chi_square = ((observed - expected)[kept] ** 2 / expected[kept]).sum().item()
    freedom = int(kept.sum()) - 1
    assert freedom > 20
    assert chi_square < freedom + 4 * math.sqrt(2 * freedom)
    one = model.log_prob(every_image(2, shape), order=0).exp() * draws  # the test can fail: one order is another law
    assert ((observed - one) ** 2 / one).sum().item() > freedom + 40 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("size", [(4, 4), (3, 4)])
def test_halves_are_completed_in_the_order_in_which_they_come_first(size):
    model = ordered(shape=(1, *size), levels=3)
    x = random_levels(3, (3, 1, *size))
    height, width = size
    rows, columns = torch.arange(height)[:, None].expand(size), torch.arange(width).expand(size)
    for known, best in ((rows < 2, 0), (rows >= 2, 2), (columns < 2, 4), (columns >= 2, 5)):
        assert model.best_order(known.expand(2, 1, *size)).tolist() == [best, best]
        completed = model.complete(x, known, seed=1)
        assert torch.equal(completed[:, :, known].long(), x[:, :, known])
        label = torch.full((3,), best)
        turned = turn(x, best).contiguous()
        cache = model.network.start(3, size=turned.shape[2:], context=label)
        source = Known(turned, turn(known.expand(3, 1, *size), best), Draw(1))
        assert torch.equal(completed.long(), turn_back(walk(model.network, source, cache), best))


def test_four_orders_go_along_rows_alone():
    model = ordered(orders=4)
    assert model.best_order(torch.ones(1, 1, 3, 4).bool().tril()).item() < 4
    with pytest.raises(ValueError, match=r"order is 5, on which this model was not trained; .* 0 \.\.\. 3"):
        model.log_prob(random_levels(2, (1, 1, 3, 4)), order=5)


@every_network
def test_saving_and_loading_is_the_identity(of, tmp_path):
    model = ordered(of).float()
    model.save(tmp_path)
    x = random_levels(2, (2, 1, 3, 4))
    own = own_context(model, 2)
    for loaded in (pixelsnail.load(tmp_path), Ordered.from_pretrained(tmp_path)):
        assert {**loaded.configuration} == {**model.configuration, "of": {**loaded.configuration["of"]}}
        assert loaded.in_one_order() == model.in_one_order()
        assert torch.equal(loaded.log_prob(x, own), model.log_prob(x, own))
        assert torch.equal(
            loaded.sample(4, context=own_context(model, 4)), model.sample(4, context=own_context(model, 4))
        )


def test_the_laws_hold_in_raster_order():
    assert pixelsnail.check(ordered(NETWORKS["of classes"])).hold
    assert "sum to" not in str(pixelsnail.check(ordered()))


@pytest.mark.parametrize("classes", [0, 3])
@torch.no_grad()
def test_weights_of_one_order_are_the_same_function_in_every_order(classes):
    of = {"model": "PixelSNAIL", **SMALL, "classes": classes, "shape": (1, 3, 4), "levels": 2}
    one = randomised(MODELS["PixelSNAIL"](**{name: value for name, value in of.items() if name != "model"})).double()
    model = Ordered(of).double()
    model.load_state_dict(model.state_of_one_order(one.state_dict()))
    x = random_levels(2, (4, 1, 3, 4))
    context = torch.arange(4) % 3 if classes else None
    for order in range(8):
        assert_close(model.log_prob(x, context, order), one.log_prob(turn(x, order).contiguous(), context))


def test_what_cannot_be_is_said():
    def of(name="PixelSNAIL", shape=(1, 4, 4), **arguments):
        return {"model": name, "shape": shape, **arguments}

    for arguments, orders, words in (
        (of(), 3, "orders is 3; expected 8, 4"),
        (of("PixelCNN"), 8, "PixelCNN takes no class labels, which tell a network its order; expected one of PixelS"),
        (of("PixelSNAL"), 8, "did you mean 'PixelSNAIL'"),
        (of("Ordered"), 8, "of names no model of one order, but 'Ordered'"),
        (of(chanels=4), 8, "has no argument 'chanels'; did you mean 'channels'"),
    ):
        with pytest.raises(ValueError, match=words):
            Ordered(arguments, orders)
    model, x = ordered(), random_levels(2, (2, 1, 3, 4))
    for call, words in (
        (lambda: model.log_prob(x, order=8), r"order is 8, on which this model was not trained; expected one of the 8"),
        (lambda: model.sample(2, order=-1), "order is -1"),
        (lambda: model.log_prob(x, order=torch.tensor([0])), r"order has shape \(1,\)"),
        (lambda: model.log_prob(x, {"order": torch.tensor([0, 9])}), "order is 9"),
        (lambda: model.log_prob(x, {"order": torch.tensor([0, 1])}, 1), "leave one of them out"),
        (lambda: model.log_prob(x, torch.tensor([0, 1])), "takes no context"),
        (lambda: model(x), "say which of 0 ... 7"),
        (lambda: model.start(2), "A walk has an order"),
        (lambda: model.start(2, context={"order": torch.tensor([0, 5])}), "turned to two sizes"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(TypeError, match="order has dtype"):
        model.log_prob(x, order=torch.tensor([0.0, 1.0]))


def test_a_model_that_cannot_be_turned_says_what_to_take():
    class OneSize(MODELS["PixelSNAIL"]):
        def check_size(self, height, width):
            if (height, width) != self.shape[1:]:
                raise pixelsnail.errors.WrongValueError(f"Images are {height} x {width}; expected {self.shape[1:]}.")

    MODELS.own["OneSize"] = OneSize
    try:
        with pytest.raises(ValueError, match=r"turn images of 3 x 4, and Images are 4 x 3.*; or take 4 orders"):
            Ordered({"model": "OneSize", "shape": (1, 3, 4), "levels": 2})
        Ordered({"model": "OneSize", "shape": (1, 3, 4), "levels": 2}, 4)
        Ordered({"model": "OneSize", "shape": (1, 4, 4), "levels": 2}, 8)
    finally:
        del MODELS.own["OneSize"]


def test_a_label_may_be_left_out_and_an_order_never():
    """Guidance -1 draws without labels: of each order, what its label of none says."""
    of = {"model": "PixelSNAIL", **SMALL, "classes": 3, "label_dropout": 0.5}
    model = ordered(of)
    assert model.in_one_order()["label_dropout"] == 0.5
    assert model.network.condition.classes == 8 * 4
    label = torch.full((5,), 2)
    for order in range(8):
        drawn = model.sample(5, seed=1, order=order, context=label, guidance=-1.0)
        none = torch.full((5,), order * 4 + 3)
        size = (4, 3) if order & 4 else (3, 4)
        expected = turn_back(model.network.sample(5, seed=1, context=none, size=size), order)
        assert torch.equal(drawn, expected)
    given = model.train().network.condition(torch.arange(8).repeat(50) * 4 + 1)["labels"]
    assert set((given % 4).tolist()) == {1, 3}
    assert torch.equal(given // 4, torch.arange(8).repeat(50))
    with pytest.raises(ValueError, match="trained with all of them"):
        ordered(NETWORKS["of classes"]).sample(2, context=torch.tensor([0, 1]), guidance=1.0)
