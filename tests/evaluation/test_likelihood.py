"""Evaluation: every image counts once, and the units are what they say."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelsnail import data
from pixelsnail.data import Images
from pixelsnail.evaluation import Evaluation, Protocol, evaluate
from pixelsnail.models import Model, PixelSNAIL
from tiny import pixelsnail
from tolerance import assert_close, close_to


@pytest.mark.parametrize("batch", [1, 4, 10, 64])
def test_no_image_is_dropped_whatever_the_batch(model: Model, fixed: Images, batch: int) -> None:
    evaluation = evaluate(model, fixed, batch=batch)
    expected = torch.cat([-model.log_prob(fixed.batch([index])) for index in range(10)])
    assert evaluation.images == 10
    assert_close(evaluation.per_image, expected)
    assert evaluation.nats == close_to(expected.mean().item())


def test_units_follow_from_nats(model: Model, fixed: Images) -> None:
    evaluation = evaluate(model, fixed)
    assert evaluation.protocol.dims == 35
    assert evaluation.bits_per_image == pytest.approx(evaluation.nats / math.log(2))
    assert evaluation.bits_per_dim == pytest.approx(evaluation.nats / (35 * math.log(2)))
    assert evaluation.bits_per_dim == close_to(model.bits_per_dim(fixed.batch(range(10))).mean().item())


def test_every_channel_is_a_dimension(npz: str) -> None:
    evaluation = Evaluation(
        torch.tensor([[8 * math.log(2)]]), torch.zeros(1, 1), Protocol(npz, "test", 1, 2, 4, "none", 1), 0.0
    )
    assert evaluation.bits_per_dim == pytest.approx(2)


def test_standard_error_is_that_of_the_mean_over_images() -> None:
    protocol = Protocol("npz:a", "test", 4, 2, 35, "dynamic", 2)
    evaluation = Evaluation(
        torch.tensor([[0.0, 2.0, 3.0, 9.0], [2.0, 2.0, 5.0, 9.0]]), torch.zeros(5, 7), protocol, 0.0
    )
    variance = (3**2 + 2**2 + 0**2 + 5**2) / 3
    assert evaluation.nats == 4
    assert evaluation.standard_error == pytest.approx(math.sqrt(variance / 4))
    assert evaluation.per_image.tolist() == [1, 2, 4, 9]
    assert evaluation.per_binarization.tolist() == [3.5, 4.5]


def test_positions_sum_to_the_nats(model: Model, dynamic: Images) -> None:
    found = evaluate(model, dynamic, batch=4, binarizations=2)
    x = torch.cat([dynamic.batch(range(len(dynamic)), epoch) for epoch in (0, 1)])
    assert_close(found.positions, model.pixel_nats(x).double().mean(0).detach())
    assert found.positions.sum().item() == close_to(found.nats)


def test_a_difference_is_paired_by_image() -> None:
    protocol = Protocol("npz:a", "test", 4, 2, 35, "threshold", 1)
    positions = torch.zeros(5, 7)
    one = Evaluation(torch.tensor([[1.0, 7.0, 3.0, 9.0]]), positions, protocol, 0.0)
    other = Evaluation(torch.tensor([[0.0, 6.0, 4.0, 7.0]]), positions, protocol, 0.0)
    difference, error = one.difference(other)
    assert difference == pytest.approx(0.75)  # of 1, 1, -1, 2
    assert error == pytest.approx(math.sqrt((2 * 0.25**2 + 1.75**2 + 1.25**2) / 3 / 4))
    dynamic = replace(other, protocol=replace(protocol, binarize="dynamic"))
    with pytest.raises(ValueError, match=r"binarisation threshold do not compare with .* binarisation dynamic"):
        one.difference(dynamic)


def test_images_are_read_a_batch_at_a_time(model: Model, dynamic: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Sequence[int]] = []
    batch = Images.batch

    def noted(self: Images, indices: Sequence[int], epoch: int = 0) -> torch.Tensor:
        read.append(indices)
        return batch(self, indices, epoch)

    monkeypatch.setattr(Images, "batch", noted)
    evaluate(model, dynamic, batch=4, binarizations=2)
    assert max(map(len, read)) == 4
    assert sum(map(len, read)) == 2 * len(dynamic)


def test_dynamic_binarisation_is_a_mean_over_draws(model: Model, dynamic: Images) -> None:
    evaluation = evaluate(model, dynamic, binarizations=3, batch=4)
    draws = torch.stack([-model.log_prob(dynamic.batch(range(10), epoch=epoch)) for epoch in range(3)])
    assert not torch.equal(draws[0], draws[1])
    assert_close(evaluation.per_image, draws.mean(0))
    assert_close(evaluation.per_binarization, draws.mean(1))
    assert evaluation.binarizations == 3


def test_two_runs_give_the_same_number(model: Model, dynamic: Images) -> None:
    first, second = (evaluate(model, dynamic, binarizations=2) for _ in range(2))
    assert torch.equal(first.draws, second.draws)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_does_not_matter_and_stays(model: Model, fixed: Images, training: bool) -> None:
    expected = evaluate(model.eval(), fixed).nats
    model.train(training)
    assert evaluate(model, fixed).nats == expected
    assert all(module.training == training for module in model.modules())


def test_limit_takes_the_first_images(model: Model, dynamic: Images) -> None:
    every = evaluate(model, dynamic)
    assert_close(evaluate(model, dynamic, limit=3).per_image, every.per_image[:3])
    assert evaluate(model, dynamic, limit=99).images == 10


def test_progress_counts_images_of_every_binarisation(model: Model, dynamic: Images) -> None:
    told: list[tuple[int, int]] = []
    evaluate(model, dynamic, batch=4, binarizations=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 20), (8, 20), (10, 20), (14, 20), (18, 20), (20, 20)]


def test_json_has_units_in_its_keys(model: Model, dynamic: Images) -> None:
    evaluation = evaluate(model, dynamic, binarizations=2)
    read = json.loads(json.dumps(evaluation.as_dict(), allow_nan=False))
    assert read["images"] == 10
    assert read["nats"] == evaluation.nats
    assert read["nats_standard_error"] == evaluation.standard_error
    assert read["nats_by_binarization"] == evaluation.per_binarization.tolist()
    assert read["bits_per_dim"] == evaluation.bits_per_dim
    assert read["binarize"] == "dynamic"
    assert read["source"] == dynamic.source


def test_one_image_has_no_standard_error(model: Model, fixed: Images) -> None:
    evaluation = evaluate(model, fixed, limit=1)
    assert math.isnan(evaluation.standard_error)
    assert evaluation.as_dict()["nats_standard_error"] is None


def test_gradients_are_not_kept(model: Model, fixed: Images) -> None:
    assert not evaluate(model, fixed).per_image.requires_grad


def test_the_result_is_an_ordinary_tensor(model: Model, fixed: Images) -> None:
    assert not evaluate(model, fixed).per_image.is_inference()


@pytest.mark.parametrize("binarize", ["threshold", "none"])
def test_several_binarisations_of_fixed_images_are_refused(npz: str, binarize: str) -> None:
    images = data.open(npz, "test", binarize=binarize)
    with pytest.raises(ValueError, match=f"binarizations is 3, but .* binarize='{binarize}'"):
        evaluate(pixelsnail((1, 5, 7), images.levels), images, binarizations=3)


@pytest.mark.parametrize("options", [{"batch": 0}, {"batch": 2.0}, {"binarizations": 0}, {"limit": 0}])
def test_counts_below_one_are_refused(model: Model, dynamic: Images, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"expected (a whole number of )?at least 1"):
        evaluate(model, dynamic, **options)


def test_bits_are_refused_by_a_model_of_grey_levels(dynamic: Images) -> None:
    with pytest.raises(ValueError, match="L = 256 levels; open them with binarize='none'"):
        evaluate(pixelsnail((1, 5, 7), 256), dynamic)


def test_grey_levels_are_refused_by_a_model_of_bits(model: Model, npz: str) -> None:
    with pytest.raises(ValueError, match=r"Among images 0 \.\.\. 3, x holds level \d+ at image 0.*Binarise first"):
        evaluate(model, data.open(npz, "test", binarize="none"), batch=4)


class BlackIsNaN(PixelSNAIL):
    """A model whose numerics break on images that are black."""

    def pixel_nats(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        black = (x == 0).flatten(1).all(1)
        return torch.where(black[:, None, None], torch.nan, super().pixel_nats(x, context))


def test_nan_names_the_first_image(tmp_path: Path) -> None:
    x = np.ones((10, 5, 7), dtype=np.uint8)
    x[6] = x[8] = 0
    np.savez(tmp_path / "bits.npz", test=x)
    broken = BlackIsNaN((1, 5, 7), 2, channels=8, blocks=1, residuals=1, key=2, value=4)
    with pytest.raises(ValueError, match="likelihood of image 6 is NaN"):
        evaluate(broken, data.open(f"npz:{tmp_path}/bits.npz", "test"), batch=4)


class Failing(PixelSNAIL):
    """A model whose forward pass fails."""

    error: RuntimeError

    def pixel_nats(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory."),
            "batches of 4 images; lower the batch size .* or the precision",
        ),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory of cpu is too small for batches of 4"),
        (RuntimeError("something else"), "^something else$"),
    ],
    ids=["GPU", "CPU", "other"],
)
def test_out_of_memory_names_batch_and_precision(fixed: Images, error: RuntimeError, message: str) -> None:
    model = Failing((1, 5, 7), 2, channels=8, blocks=1, residuals=1, key=2, value=4)
    model.error = error
    with pytest.raises(RuntimeError, match=message):
        evaluate(model, fixed, batch=4)
