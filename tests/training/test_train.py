import csv
import errno
import json
import math
import os
import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import pixelsnail
from pixelsnail.models import MODELS
from pixelsnail.nn.initialization import initialize
from pixelsnail.training import Event, train
from pixelsnail.training.batches import Batches
from tolerance import assert_close, close_to


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_run_holds_everything(tiny, tmp_path, capfd):
    run = tmp_path / "run"
    model = train(tiny(), out=run, **{"trainer.max_steps": 20, "run.samples": 8})
    assert model.training is False
    for name in ("recipe.yaml", "versions.json", "checkpoints/last.ckpt", "checkpoints/best.ckpt"):
        assert (run / name).is_file()
    assert sorted(path.name for path in (run / "samples").iterdir()) == [
        f"step_0000{n}.png" for n in ("08", "16", "20")
    ]
    assert list((run / "tensorboard").glob("events*"))
    assert not list(run.rglob(".*"))  # no temporary file is left
    table = rows(run)
    assert [(row["step"], row["split"]) for row in table if row["split"] == "validation"] == [
        ("8", "validation"), ("16", "validation"), ("20", "validation"),
    ]  # fmt: skip
    assert [int(row["step"]) for row in table if row["split"] == "train"] == list(range(2, 21, 2))
    for row in table:
        assert float(row["bits_per_dim"]) == pytest.approx(float(row["nats"]) / 30 / math.log(2))
    assert json.loads((run / "versions.json").read_text())["torch"] == torch.__version__
    assert capfd.readouterr() == ("", "")  # this floor draws nothing


def test_the_saved_model_is_the_best_one_and_its_nats_are_those_in_the_table(tiny, source, tmp_path):
    run = tmp_path / "run"
    # Averaged over nothing (decay 0) and shaken by a huge learning rate after its first steps, training gets worse.
    changes = {"optimizer.ema": None, "optimizer.decay": 1.2, "run.validate": 2, "trainer.max_steps": 40}
    train(tiny(), out=run, **changes)
    validated = {int(row["step"]): float(row["nats"]) for row in rows(run) if row["split"] == "validation"}
    best = min(validated, key=validated.__getitem__)
    assert best < 40
    about = pixelsnail.checkpoints.about(run)
    assert (about["steps"], about["validation_nats"], about["binarize"]) == (best, validated[best], "dynamic")
    x = pixelsnail.data.open(source, "validation", binarize="dynamic").batch(range(21), 0)
    for weights, step in (("best", best), ("last", 40)):
        nats = -pixelsnail.load(run, weights=weights).log_prob(x).mean().item()
        assert nats == close_to(validated[step])


@pytest.mark.parametrize("decay", [0.1, 0.3, 0.9])
def test_averaged_weights_are_a_running_average_that_begins_at_a_smaller_decay(tiny, tmp_path, decay):
    average = None
    for step in range(1, 5):
        train(tiny(), out=tmp_path / "run", resume=step > 1, **{"trainer.max_steps": step, "optimizer.ema": decay})
        checkpoint = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
        now = {name.removeprefix("model."): tensor for name, tensor in checkpoint["current_model_state"].items()}
        d = min(decay, step / (step + 9))  # (1 + t) / (10 + t) after t = step - 1 steps
        average = now if average is None else {name: d * average[name] + (1 - d) * now[name] for name in now}
        saved = pixelsnail.load(tmp_path / "run", weights="last").state_dict()
        for name, tensor in saved.items():
            assert_close(tensor, average[name])


def test_after_a_tenth_of_the_decays_window_nothing_is_left_of_the_first_weights(tiny, tmp_path):
    """With a decay of 0.999 from the first step on, they would be 90 % of the average of step 100."""
    changes = {"optimizer.ema": 0.999, "optimizer.lr": 0.0, "run.checkpoint": 1, "run.validate": 0}
    train(tiny(), out=tmp_path / "run", **{**changes, "trainer.max_steps": 1})
    last = tmp_path / "run/checkpoints/last.ckpt"
    checkpoint = torch.load(last, weights_only=True)
    for weights, value in (("state_dict", 1.0), ("current_model_state", 0.0)):
        for tensor in checkpoint[weights].values():
            tensor.fill_(value)  # as if the average of the first step were 1, and all weights after it 0
    torch.save(checkpoint, last)
    train(tiny(), out=tmp_path / "run", resume=True, **{**changes, "trainer.max_steps": 100})
    average = pixelsnail.load(tmp_path / "run", weights="last").state_dict()
    assert all(tensor.abs().max() < 1e-6 for tensor in average.values())


def test_without_validation_data_best_is_last_and_the_run_says_so(tiny, source_without_validation, tmp_path):
    notes: list[str] = []
    run = tmp_path / "run"
    train(tiny(), out=run, data=source_without_validation, note=notes.append)
    assert any("has no validation images: best is last" in note for note in notes)
    assert not (run / "model-last").exists()
    assert pixelsnail.checkpoints.about(run)["steps"] == 12
    assert {row["split"] for row in rows(run)} == {"train"}
    assert (run / "checkpoints/best.ckpt").read_bytes() == (run / "checkpoints/last.ckpt").read_bytes()


def test_training_images_can_be_held_out(tiny, source_without_validation, tmp_path):
    changes = {"data.validation": 11}
    train(tiny(), out=tmp_path / "run", data=source_without_validation, **changes)
    assert {row["split"] for row in rows(tmp_path / "run")} == {"train", "validation"}


def test_the_learning_rate_is_the_published_schedule(tiny, tmp_path):
    changes = {"optimizer.lr": 1e-3, "optimizer.decay": 0.999977, "run.log": 1, "trainer.max_steps": 10}
    train(tiny(), out=tmp_path / "run", **changes)
    weight = torch.nn.Parameter(torch.zeros(1))
    adam = torch.optim.Adam([weight], lr=1e-3)
    published = torch.optim.lr_scheduler.MultiplicativeLR(adam, lambda _: 0.999977)
    for row in (row for row in rows(tmp_path / "run") if row["split"] == "train"):
        assert float(row["lr"]) == pytest.approx(adam.param_groups[0]["lr"], rel=1e-12)
        adam.step()
        published.step()


@pytest.mark.parametrize("inside", [False, True])
def test_a_first_step_with_epsilon_inside_the_root_or_added_to_it(tiny, tmp_path, inside):
    lr, eps = 0.01, 1e-2
    changes = {"optimizer.eps": eps, "optimizer.eps_inside": inside, "trainer.max_steps": 1, "run.validate": 0}
    model = train(tiny(), out=tmp_path / "run", **changes)
    torch.manual_seed(0)
    first = type(model)(**{name: value for name, value in model.configuration.items() if name != "model"})
    (adam,) = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["optimizer_states"]
    for i, (before, after) in enumerate(zip(first.parameters(), model.parameters(), strict=True)):
        g = adam["state"][i]["v" if inside else "exp_avg"] / (1 - 0.9)
        root = (g**2 + eps).sqrt() if inside else g.abs() + eps
        assert_close(after, torch.nn.Parameter(before - lr * g / root))


def test_cosine_ends_at_zero_and_warms_up_first(tiny, tmp_path):
    changes = {"optimizer.schedule": "cosine", "optimizer.warmup": 4, "run.log": 1, "trainer.max_steps": 12}
    train(tiny(), out=tmp_path / "run", **changes)
    rates = [float(row["lr"]) for row in rows(tmp_path / "run") if row["split"] == "train"]
    assert rates[0] == pytest.approx(0.01 / 4)
    assert rates[-1] == pytest.approx(0.01 * (1 + math.cos(math.pi * 11 / 12)) / 2)
    with pytest.raises(ValueError, match="cosine needs an end"):
        train(tiny(), out=tmp_path / "other", **changes | {"trainer.max_steps": -1, "trainer.max_time": "00:00:00:01"})


@pytest.mark.parametrize("cooldown", [6, 0.5])
def test_a_trapezoid_decays_over_its_last_steps_or_a_share_of_all(tiny, tmp_path, cooldown):
    changes = {"optimizer.schedule": "trapezoid", "optimizer.cooldown": cooldown, "run.log": 1, "trainer.max_steps": 12}
    train(tiny(), out=tmp_path / "run", **changes)
    rates = [float(row["lr"]) for row in rows(tmp_path / "run") if row["split"] == "train"]
    assert rates == pytest.approx([0.01 * min(1.0, (12 - t) / 6) for t in range(12)])


def test_both_learning_rates_of_muon_follow_the_schedule(tiny, tmp_path):
    changes = {"name": "muon", "lr": 0.01, "matrix_lr": 0.02, "schedule": "cosine", "warmup": 4}
    train(tiny(optimizer=changes), out=tmp_path / "run", **{"run.log": 1})
    checkpoint = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    first, second = checkpoint["lr_schedulers"][0]["_last_lr"]
    assert second == pytest.approx(2 * first)
    logged = [float(row["lr"]) for row in rows(tmp_path / "run") if row["split"] == "train"]
    assert logged[3] == pytest.approx(0.01 * (1 + math.cos(math.pi * 3 / 12)) / 2)


def test_time_ends_training(tiny, tmp_path):
    run = tmp_path / "run"
    train(tiny(), out=run, **{"trainer.max_steps": -1, "trainer.max_time": {"seconds": 1}, "run.validate": 0})
    last = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["global_step"]
    assert int(rows(run)[-1]["step"]) == last > 1
    train(tiny(), out=run, resume=True, **{"trainer.max_steps": last + 3, "run.validate": 0})
    assert torch.load(run / "checkpoints/last.ckpt", weights_only=True)["global_step"] == last + 3


def test_what_was_trained_is_kept_when_telling_or_writing_fails(tiny, tmp_path, monkeypatch):
    def fail(event: Event) -> None:
        if event.step == 7:
            raise ValueError("a fault of the caller's")

    def write(self, **row):
        raise OSError("no such device")

    with pytest.raises(ValueError, match="of the caller's"):
        train(tiny(), out=tmp_path / "told", progress=fail)
    monkeypatch.setattr("pixelsnail.training.metrics.Metrics.add", write)
    with pytest.raises(OSError, match="no such device"):
        train(tiny(), out=tmp_path / "written", **{"run.log": 5})
    monkeypatch.undo()
    for name, step in (("told", 7), ("written", 5)):
        last = torch.load(tmp_path / name / "checkpoints/last.ckpt", weights_only=True)
        assert last["global_step"] == step
        train(tiny(), out=tmp_path / name, resume=True)


def test_progress_covers_every_phase(tiny, tmp_path):
    events: list[Event] = []
    train(tiny(), out=tmp_path / "run", progress=events.append)
    steps = [event for event in events if event.phase == "train"]
    assert [(event.done, event.total, event.step) for event in steps] == [(n, 12, n) for n in range(1, 13)]
    assert steps[-1].seconds_left == 0
    assert all(event.nats and event.images_per_second for event in steps)
    assert {event.phase for event in events} == {"train", "validate", "sample"}


def test_a_run_starts_from_anothers_weights(tiny, tmp_path):
    first = train(tiny(), out=tmp_path / "first")
    still = train(tiny(), out=tmp_path / "second", init=tmp_path / "first", **{"optimizer.lr": 0.0})
    for name, tensor in first.state_dict().items():
        assert_close(still.state_dict()[name], tensor)
    with pytest.raises(ValueError, match="does not fit this PixelSNAIL"):
        train(tiny(), out=tmp_path / "third", init=tmp_path / "first", **{"model.channels": 6})
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize("orders", [1, 2])
def test_a_run_starts_from_a_smaller_model_as_the_same_function(tiny, tmp_path, orders):
    first = train(tiny(), out=tmp_path / "first", **{"data.orders": orders})
    still = {"model.stem": 7, "model.key": 6, "data.orders": orders, "optimizer.lr": 0.0, "trainer.max_steps": 1}
    wider = train(tiny(), out=tmp_path / "second", init=tmp_path / "first", **still)
    x = torch.randint(0, 2, (4, 1, 6, 5), generator=torch.Generator().manual_seed(0))
    network = getattr(wider, "network", wider)
    assert (network.stem.conv.weight.shape[-1], len(network.blocks[0].query.weight)) == (7, 6)
    assert_close(wider.log_prob(x), first.log_prob(x))
    with pytest.raises(ValueError, match="does not fit this PixelSNAIL"):
        train(tiny(), out=tmp_path / "third", init=tmp_path / "second")


@pytest.mark.parametrize("orders", [1, 2])
def test_a_run_starts_from_a_model_of_fewer_blocks_as_nearly_the_same_function(tiny, tmp_path, capsys, orders):
    first = train(tiny(), out=tmp_path / "first", **{"data.orders": orders})
    still = {"model.blocks": 3, "data.orders": orders, "optimizer.lr": 0.0, "trainer.max_steps": 1}
    deep = train(tiny(), out=tmp_path / "second", init=tmp_path / "first", note=print, **still)
    assert "weights are new, and what it computes is nearly the same: its blocks are split." in capsys.readouterr().out
    network, origin = getattr(deep, "network", deep), getattr(first, "network", first)
    assert (len(network.blocks), len(origin.blocks)) == (3, 1)
    assert_close(sum(block.out.weight for block in network.blocks), origin.blocks[0].out.weight)
    with pytest.raises(ValueError, match="does not fit this PixelSNAIL"):
        train(tiny(), out=tmp_path / "third", init=tmp_path / "second")


# Data-dependent initialisation

ORIGINAL = {
    "name": "PixelSNAILOriginal", "channels": 4, "blocks": 1, "residuals": 1, "key": 2, "head": "Bernoulli",
}  # fmt: skip
STILL = {"model": ORIGINAL, "optimizer.lr": 0.0, "trainer.max_steps": 1, "run.validate": 0}


def expected_weights(source: str, count: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """A new model's, initialised by the first images of training order."""
    torch.manual_seed(seed)
    arguments = {name: value for name, value in ORIGINAL.items() if name != "name"}
    model = MODELS["PixelSNAILOriginal"]((1, 6, 5), 2, **arguments)
    images = pixelsnail.data.open(source, "train", binarize="dynamic", seed=seed)
    if count:
        assert initialize(model, images.batch(Batches(images, 1, seed).order(0)[:count], 0)) == 14
    return model.state_dict()


@pytest.mark.parametrize("count", [0, 16, 64])
def test_a_new_training_initialises_normalised_weights_by_its_first_images(tiny, tmp_path, source, count):
    for batch in (3, 8):  # whatever the batch
        changes = {"data.batch": batch, "run.initialize": count, "seed": 7}
        for ema in (None, 0.9):  # and the average begins there
            run = tmp_path / f"{batch}{ema}"
            model = train(tiny(**STILL, **changes), out=run, **{"optimizer.ema": ema})
            for name, tensor in expected_weights(source, count, seed=7).items():
                assert_close(model.state_dict()[name], tensor)


def test_only_a_new_training_initialises(tiny, tmp_path, source):
    train(tiny(**STILL, **{"run.initialize": 0}), out=tmp_path / "first")
    resumed = train(tiny(**STILL), out=tmp_path / "first", resume=True, **{"trainer.max_steps": 2})
    started = train(tiny(**STILL), out=tmp_path / "second", init=tmp_path / "first")
    for name, tensor in expected_weights(source, 0).items():
        assert torch.equal(resumed.state_dict()[name], tensor)
        assert torch.equal(started.state_dict()[name], tensor)


def test_the_callers_random_numbers_are_left_alone(tiny, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(tiny(), out=tmp_path / "run", **{"trainer.max_steps": 1})
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 9), (1, 9, 1), (1, 4, 5), (3, 2, 2)], ids=str)
def test_images_of_any_size_train(tiny, tmp_path, shape):
    levels = np.random.default_rng(0).integers(0, 5, (9, *shape), dtype=np.uint8)
    np.savez(tmp_path / "z.npz", train=levels, validation=levels, levels=5, axes="NCHW")
    changes = {"data.binarize": "none", "data.source": f"npz:{tmp_path / 'z.npz'}", "trainer.max_steps": 2}
    model = train(tiny(**changes), out=tmp_path / "run")
    assert (model.shape, model.levels) == (shape, 5)
    assert model.sample(2).shape == (2, *shape)


# Folders


def test_a_run_is_never_overwritten_unasked(tiny, tmp_path):
    run = tmp_path / "run"
    train(tiny(), out=run, **{"trainer.max_steps": 1})
    before = content(run)
    with pytest.raises(FileExistsError, match=r"holds a run already; continue it \(resume=True\) or replace it"):
        train(tiny(), out=run)
    assert content(run) == before


def test_overwriting_removes_what_a_run_wrote_and_nothing_else(tiny, tmp_path):
    run = tmp_path / "run"
    train(tiny(), out=run, **{"run.samples": 4})
    (run / "notes.txt").write_text("mine")
    train(tiny(), out=run, overwrite=True, **{"trainer.max_steps": 2})
    assert (run / "notes.txt").read_text() == "mine"
    assert [path.name for path in (run / "samples").iterdir()] == ["step_000002.png"]
    assert [row["step"] for row in rows(run)] == ["2", "2"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_no_run_is_left_alone(tiny, tmp_path, overwrite):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"cat")
    with pytest.raises(FileExistsError, match=r"holds files that are not a run's \(cat.png, ...\)"):
        train(tiny(), out=tmp_path / "photos", overwrite=overwrite)
    assert content(tmp_path / "photos") == {"cat.png": b"cat"}
    with pytest.raises(NotADirectoryError, match=r"cat\.png is a file; expected a folder"):
        train(tiny(), out=tmp_path / "photos" / "cat.png", overwrite=overwrite)


def test_a_wrong_recipe_leaves_a_run_as_it_was(tiny, tmp_path):
    run = tmp_path / "run"
    train(tiny(), out=run, **{"trainer.max_steps": 1})
    before = content(run)
    for changes in ({"data": "npz:nowhere.npz"}, {"trainer.max_stepz": 3}, {"model.shape": [1, 7, 5]}):
        with pytest.raises((ValueError, FileNotFoundError)):
            train(tiny(), out=run, overwrite=True, **changes)
    assert content(run) == before


# Recipes that Lightning or the data refuse


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"trainer.max_epoch": 3}, "Lightning's Trainer has no 'max_epoch'; did you mean 'trainer.max_epochs'?"),
        ({"trainer.logger": True}, "trainer.logger cannot be set; leave it out."),
        ({"trainer.gradient_clip_val": 1.0}, "trainer.gradient_clip_val cannot be set; use optimizer.clip."),
        ({"trainer.max_steps": "many"}, "trainer.max_steps is 'many'; expected a whole number."),
        ({"trainer": {}}, "The recipe has no end; set trainer.max_epochs, trainer.max_steps or trainer.max_time."),
        ({"trainer.max_steps": 0}, "The recipe ends before its first step; "),
        (
            {"trainer.accelerator": "abacus"},
            "Lightning refuses the section trainer: You selected an invalid accelerator",
        ),
        ({"model.shape": [1, 28, 28]}, "model.shape is (1, 28, 28), but the images of "),
        ({"data.binarize": "none", "model.levels": 2}, "model.levels is 2, but the images of "),
        ({"model.head": "Gaussian"}, "Gaussian"),
        (
            {"run.checkpoint_activations": True, "model": {"name": "PixelCNNpp"}, "data.source": "mnist-mini"},
            "run.checkpoint_activations is true, but PixelCNNpp has no blocks to compute again; leave it false.",
        ),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(tiny, tmp_path, changes, sentence):
    with pytest.raises((ValueError, TypeError)) as error:
        train(tiny(**changes), out=tmp_path / "run")
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


# Numbers that are none, full disks, full memory


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({}, "Lower optimizer.lr, or set optimizer.clip."),
        (
            {"optimizer.name": "muon", "optimizer.matrix_lr": 0.01},
            "Lower optimizer.matrix_lr and optimizer.lr, or set optimizer.weight_decay.",
        ),
    ],
    ids=["adam", "muon"],
)
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(tiny, tmp_path, changes, advice):
    run = tmp_path / "run"
    train(tiny(**changes), out=run, **{"trainer.max_steps": 5})
    kept = content(run / "checkpoints") | content(run / "model")
    last = torch.load(run / "checkpoints/last.ckpt", weights_only=True)
    last["current_model_state"]["model.out.0.weight"][0, 0] = math.nan  # a gradient that was no number, say
    torch.save(last, run / "checkpoints/last.ckpt")
    with pytest.raises(RuntimeError) as error:
        train(tiny(**changes), out=run, resume=True)
    assert str(error.value) == (
        "The loss became nan at step 6, where out.0.weight is not finite; training stopped and the checkpoint of "
        f"step 5 is kept in {run}. {advice}"
    )
    assert content(run / "model") == {name: kept[name] for name in content(run / "model")}


def test_weights_that_are_not_finite_are_never_saved(tiny, tmp_path, monkeypatch):
    class Broken(MODELS["PixelSNAIL"]):  # type: ignore[name-defined,misc]
        """Its gradient, not its loss, is no number from the sixth step on."""

        calls = 0

        def pixel_nats(self, x, context=None):
            Broken.calls += self.training
            nats = super().pixel_nats(x, context)
            if Broken.calls > 5 and self.training:
                nats.register_hook(lambda gradient: gradient * math.nan)
            return nats

    monkeypatch.setitem(MODELS.own, "Broken", Broken)
    run = tmp_path / "run"
    with pytest.raises(RuntimeError, match=r"(after step 6|at step 7), where .* is not finite; .* of step 5 is kept"):
        train(tiny(**{"model.name": "Broken", "optimizer.ema": None}), out=run, **{"trainer.max_steps": 6})
    assert torch.load(run / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 5
    assert all(tensor.isfinite().all() for tensor in pixelsnail.load(run, weights="last").state_dict().values())


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files")
@pytest.mark.parametrize("size", [8192, 3000], ids=["checkpoint", "model"])
def test_a_full_disk_is_one_sentence_and_the_last_checkpoint_stays(tiny, tmp_path, size):
    run = tmp_path / "run"
    train(tiny(), out=run, **{"trainer.max_steps": 5})
    before = content(run / "checkpoints")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
    try:
        with pytest.raises(OSError) as error:
            train(tiny(), out=run, resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert str(error.value) == (
        f"The disk of {run} is full at step 8; the checkpoint of step 5 is kept. Free some space, then go on "
        "(resume=True)."
    )
    assert content(run / "checkpoints") == before
    assert all(tensor.isfinite().all() for tensor in pixelsnail.load(run).state_dict().values())
    assert not list(run.rglob(".*"))
    train(tiny(), out=run, resume=True)
    assert pixelsnail.checkpoints.about(run, weights="last")["steps"] == 12


def test_memory_that_runs_out_names_batch_and_precision(tiny, tmp_path, monkeypatch):
    class Huge(MODELS["PixelSNAIL"]):  # type: ignore[name-defined,misc]
        """Asks for more memory than there is."""

        def pixel_nats(self, x, context=None):
            return super().pixel_nats(x, context) + torch.empty(1 << 58)

    monkeypatch.setitem(MODELS.own, "Huge", Huge)
    with pytest.raises(RuntimeError) as error:
        train(tiny(**{"model.name": "Huge"}), out=tmp_path / "run")
    assert str(error.value) == (
        "Memory ran out at step 1 with data.batch 8 and trainer.precision 32-true; nothing was saved. "
        "Lower data.batch, or set trainer.precision to bf16-mixed."
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's compiler, about itself
def test_a_step_that_cannot_be_compiled_says_so(tiny, tmp_path, monkeypatch):
    from torch._inductor import config

    torch.compiler.reset()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(config.cpp, "cxx", (str(tmp_path / "no-compiler"),))
    said = r"The training step could not be compiled \(.*\); nothing was saved\. "
    with pytest.raises(RuntimeError, match=said) as error:
        train(tiny(), out=tmp_path / "run", **{"run.compile": True})
    assert str(tmp_path / "cache") in str(error.value)
    assert "\n" not in str(error.value)


def test_disk_errors_are_told_from_others():
    from pixelsnail.errors import disk_is_full

    assert disk_is_full(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert not disk_is_full(OSError(errno.EACCES, "x"))
    assert not disk_is_full(ValueError("x"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's compiler, about itself
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"run.compile": True}, marks=pytest.mark.slow),
        pytest.param({"run.compile": True, "run.checkpoint_activations": True}, marks=pytest.mark.slow),
        {"run.channels_last": True},
        {"run.checkpoint_activations": True},
    ],
)
def test_faster_ways_to_compute_train_the_same_model(tiny, tmp_path, changes):
    train(tiny(), out=tmp_path / "plain")
    model = train(tiny(), out=tmp_path / "fast", **changes)
    for plain, fast in zip(rows(tmp_path / "plain"), rows(tmp_path / "fast"), strict=True):
        assert float(fast["nats"]) == pytest.approx(float(plain["nats"]), rel=1e-4)
    assert set(model.state_dict()) == set(pixelsnail.load(tmp_path / "plain").state_dict())


def test_gradients_of_two_batches_of_four_are_those_of_one_of_eight(tiny, tmp_path):
    # An eps of 1e-4: with 1e-8 Adam's first steps are the signs of gradients, rounding errors included.
    changes = {"optimizer.eps": 1e-4, "optimizer.warmup": 3, "trainer.max_steps": 7, "run.log": 1, "run.samples": 3}
    train(tiny(), out=tmp_path / "whole", **changes)
    parts = {"data.batch": 4, "trainer.accumulate_grad_batches": 2}
    train(tiny(), out=tmp_path / "parts", **changes, **parts)
    whole, parts = (
        torch.load(tmp_path / run / "checkpoints/last.ckpt", weights_only=True) for run in ("whole", "parts")
    )
    for weights in ("state_dict", "current_model_state"):
        for name, tensor in whole[weights].items():
            assert_close(parts[weights][name], tensor)
    assert whole["global_step"] == parts["global_step"] == 7
    assert whole["averaging_state"] == parts["averaging_state"] == {"n_averaged": 7}
    assert whole["lr_schedulers"] == parts["lr_schedulers"]
    assert {path.name for path in (tmp_path / "parts/samples").iterdir()} == {
        path.name for path in (tmp_path / "whole/samples").iterdir()
    }
    for one, two in zip(rows(tmp_path / "whole"), rows(tmp_path / "parts"), strict=True):
        assert [one[key] for key in ("step", "split", "lr")] == [two[key] for key in ("step", "split", "lr")]
        assert float(one["nats"]) == close_to(float(two["nats"]))


def test_half_precision_trains_a_model_in_full_precision(tiny, tmp_path):
    model = train(tiny(), out=tmp_path / "run", **{"trainer.precision": "bf16-mixed"})
    train(tiny(), out=tmp_path / "plain")
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}
    for plain, half in zip(rows(tmp_path / "plain"), rows(tmp_path / "run"), strict=True):
        assert float(half["nats"]) == pytest.approx(float(plain["nats"]), rel=1e-2)
