import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pixelsnail.training import options, read

SMALL: dict[str, Any] = {"model": {"name": "PixelSNAIL"}, "data": "mnist-mini"}


PUBLISHED: dict[str, Any] = {
    "mnist": ({"name": "PixelSNAIL", "channels": 64, "blocks": 8, "residuals": 2, "key": 4, "value": 32}, 128, 1e-3),
    "pixelcnn": ({"name": "PixelCNN", "channels": 16, "layers": 15, "head_channels": 32}, 256, 1e-3),
    "gated-pixelcnn": ({"name": "GatedPixelCNN", "channels": 128, "layers": 10, "head_channels": 32}, 128, 1e-3),
    "imagegpt": ({"name": "ImageGPT", "channels": 64, "blocks": 8, "heads": 2}, 64, 5e-3),
}
"""pytorch-generative's recipes: the model, images a step and the first learning rate."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_mnist_recipes_are_the_published_ones(name):
    model, batch, lr = PUBLISHED[name]
    decay = 0.9999 if name == "gated-pixelcnn" else 0.999977
    recipe = read(name)
    assert recipe.model == model
    assert (recipe.data.binarize, recipe.data.batch, recipe.data.validation) == ("dynamic", batch, 0)
    adam = recipe.optimizer
    assert (adam.name, adam.lr, adam.betas, adam.eps) == ("adam", lr, (0.9, 0.999), 1e-8)
    assert (adam.schedule, adam.decay, adam.warmup) == ("exponential", decay, 0)
    assert (adam.weight_decay, adam.clip, adam.ema) == (0.0, None, None)
    assert recipe.trainer == {"max_epochs": 457, "precision": "32-true"}


@pytest.mark.parametrize("name", ["demo", "demo.yaml", "recipes/demo", "recipes/demo.yaml"])
def test_a_packaged_recipe_is_found_by_name(name):
    assert read(name) == read("demo")


def test_a_file_comes_before_a_packaged_recipe(tmp_path, monkeypatch):
    (tmp_path / "mnist").write_text("model: {name: PixelSNAIL, blocks: 1}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert read("mnist").model["blocks"] == 1


def test_a_missing_recipe_names_the_packaged_ones():
    with pytest.raises(FileNotFoundError, match=r"no recipe nothing\.yaml.*demo, .*mnist, mnist-fast"):
        read("nothing.yaml")


def test_writing_and_reading_gives_the_same_recipe():
    recipe = read(
        "demo", {"optimizer.betas": [0.5, 0.9], "data": "mnist:some/folder", "trainer.max_time": "00:01:00:00"}
    )
    assert read(yaml.safe_load(recipe.yaml())) == recipe


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 1e-3), ("1E4", 1e4), ("2.5e-7", 2.5e-7), (".5", 0.5), ("3", 3.0), ("-1.", -1.0)],
)
def test_numbers_are_numbers_in_files_and_on_the_command_line(text, value, tmp_path):
    (tmp_path / "r.yaml").write_text(f"model: {{name: PixelSNAIL}}\noptimizer: {{decay: {text}}}\n", encoding="utf-8")
    if value > 0:
        assert read(tmp_path / "r.yaml").optimizer.decay == value
        assert read(SMALL, {"optimizer.decay": text}).optimizer.decay == value
    else:
        with pytest.raises(ValueError, match="expected at least 0"):
            read(tmp_path / "r.yaml")


def test_overrides_are_read_by_the_rules_of_yaml():
    recipe = read(
        SMALL,
        {
            "data": "npz:2024-01-01",
            "data.batch": "7",
            "optimizer.ema": "null",
            "optimizer.betas": "[0.8, 0.9]",
            "run.compile": "true",
            "model.channels": "12",
            "trainer.max_steps": "5",
            "trainer.max_time": "00:00:01:30",
            "seed": "3",
        },
    )
    assert (recipe.data.source, recipe.data.batch, recipe.optimizer.ema) == ("npz:2024-01-01", 7, None)
    assert (recipe.optimizer.betas, recipe.run.compile, recipe.seed) == ((0.8, 0.9), True, 3)
    assert recipe.model["channels"] == 12
    assert recipe.trainer == {"max_steps": 5, "max_time": "00:00:01:30"}


def test_text_that_looks_like_a_number_stays_text_where_text_is_asked():
    for text in ("2024", "null", "folder:a: b", "*", "@x"):
        assert read(SMALL, {"data.source": text}).data.source == text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"optimizer.lr": "fast"}, "optimizer.lr is 'fast'; expected a number."),
        ({"data.batch": 1.5}, "data.batch is 1.5; expected a whole number."),
        ({"data.batch": True}, "data.batch is True; expected a whole number."),
        ({"run.compile": "maybe"}, "run.compile is 'maybe'; expected true or false."),
        ({"optimizer.clip": "much"}, "optimizer.clip is 'much'; expected a number or null."),
        ({"optimizer.betas": [0.9]}, "optimizer.betas is [0.9]; expected a list of 2 values, each a number."),
        ({"model.channels": "many"}, "model.channels is 'many'; expected a whole number."),
        ({"seed": "x"}, "seed is 'x'; expected a whole number."),
        ({"optimizer.name": "sgd"}, "optimizer.name is 'sgd'; expected one of adam, adamw, muon."),
    ],
)
def test_a_wrong_type_is_one_sentence(changes, sentence):
    with pytest.raises(TypeError) as error:
        read(SMALL, changes)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("changes", "nearest"),
    [
        ({"optimizer.lrr": 1}, "optimizer.lr"),
        ({"data.bach": 1}, "data.batch"),
        ({"model.chanels": 1}, "model.channels"),
        ({"optimiser.lr": 1}, "optimizer.lr"),
        ({"sed": 1}, "seed"),
        ({"model.name": "PixelSnail"}, "PixelSNAIL"),
        ({"model.name": "pixelsnail"}, "PixelSNAIL"),
    ],
)
def test_an_unknown_name_brings_the_nearest(changes, nearest):
    with pytest.raises(ValueError, match=rf"did you mean '{nearest}'\?"):
        read(SMALL, changes)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model: {name: PixelSNAIL}\noptimiser: {lr: 1}", "did you mean 'optimizer'?"),
        ("model: {name: PixelSNAIL, chanels: 3}", "did you mean 'model.channels'?"),
        ("model: {channels: 3}", "The recipe names no model"),
        ("model: 3", "model is 3; expected a section of names and values."),
        ("- a\n- b", "is not a recipe; expected the sections"),
        ("model: {name: PixelSNAIL\ndata: x", "is not valid YAML"),
        ("data: {batch: 0}\nmodel: {name: PixelSNAIL}", "data.batch is 0; expected at least 1."),
        ("seed: -1\nmodel: {name: PixelSNAIL}", "seed is -1; expected at least 0."),
        ("run: {initialize: -1}\nmodel: {name: PixelSNAIL}", "run.initialize is -1; expected at least 0."),
        ("optimizer: {ema: 1.5}\nmodel: {name: PixelSNAIL}", "optimizer.ema is 1.5; expected at most 1."),
        (
            "optimizer: {eps_inside: true, weight_decay: 0.1}\nmodel: {name: PixelSNAIL}",
            "optimizer.eps_inside is true with optimizer.name adam and optimizer.weight_decay 0.1; expected adam and "
            "0: leave eps_inside false, or weight decay out.",
        ),
        (
            "optimizer: {eps_inside: true, name: adamw}\nmodel: {name: PixelSNAIL}",
            "optimizer.eps_inside is true with optimizer.name adamw and optimizer.weight_decay 0; ",
        ),
        (
            "optimizer: {eps_inside: true, name: muon}\nmodel: {name: PixelSNAIL}",
            "optimizer.eps_inside is true with optimizer.name muon and optimizer.weight_decay 0; ",
        ),
        (
            "optimizer: {name: muon, matrix_lr: -1}\nmodel: {name: PixelSNAIL}",
            "optimizer.matrix_lr is -1; expected at least 0.",
        ),
    ],
)
def test_a_wrong_file_is_one_sentence(text, sentence, tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises((ValueError, TypeError)) as error:
        read(path)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recipe_runs_nothing(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(f"model: !!python/object/apply:os.mkdir [{tmp_path / 'ran'}]", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 1 has the tag python/object/apply:os.mkdir; .* plain values only"):
        read(path)
    with pytest.raises(TypeError, match="expected a whole number"):
        read(SMALL, {"seed": f"!!python/object/apply:os.mkdir [{tmp_path / 'ran'}]"})
    assert not (tmp_path / "ran").exists()


def test_another_model_drops_the_arguments_and_says_so(monkeypatch):
    from pixelsnail.models import MODELS, PixelSNAIL

    monkeypatch.setitem(MODELS.own, "Other", type("Other", (PixelSNAIL,), {}))
    notes: list[str] = []
    recipe = read("demo", {"model.name": "Other", "model.blocks": 2}, notes.append)
    assert recipe.model == {"name": "Other", "blocks": 2}
    assert notes == [
        "The model is Other instead of PixelSNAIL; the recipe's channels, blocks, residuals, key, value, stem, "
        "frequencies are dropped."
    ]
    assert read("demo", {"model.name": "PixelSNAIL"}, notes.append) == read("demo")
    assert len(notes) == 1


def test_every_field_is_an_option_with_a_meaning():
    found = {option.name: option for option in options("PixelSNAIL")}
    assert found["optimizer.lr"].default == 1e-3
    assert found["model.channels"].default == 64
    assert found["data.batch"].type == "a whole number"
    assert all(option.meaning for option in found.values())
    tree = read("mnist").tree()
    fields = {f"{section}.{name}" for section in ("data", "optimizer", "run") for name in tree[section]}
    assert fields <= set(found)


def test_importing_training_and_reading_a_recipe_loads_no_lightning():
    code = """
import sys
import pixelsnail.training
assert "torch" not in sys.modules
pixelsnail.training.read("demo")
assert "lightning" not in sys.modules and "tensorboard" not in sys.modules
import lightning
assert "lightning" in sys.modules  # the check can fail
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)


def test_missing_lightning_names_the_extra(tiny, tmp_path, monkeypatch):
    from pixelsnail.training import train

    monkeypatch.setitem(sys.modules, "lightning", None)
    with pytest.raises(ModuleNotFoundError) as error:
        train(tiny(), out=tmp_path / "run")
    assert str(error.value) == "Training needs lightning, which is not installed: pip install 'pixelsnail[train]'."
    assert not (tmp_path / "run").exists()


def test_a_binarisation_is_for_the_source_that_the_recipe_names():
    notes: list[str] = []
    assert read("demo", {"data": "npz:x.npz"}, notes.append).data.binarize is None
    assert notes == [
        "The recipe's data.binarize dynamic is for mnist-mini; npz:x.npz is taken as it is unless you set it."
    ]
    assert read("demo", {"data": "npz:x.npz", "data.binarize": "threshold"}, notes.append).data.binarize == "threshold"
    assert read("demo", {"data": "mnist:folder"}, notes.append).data.binarize == "dynamic"  # digits of the same kind
    assert read("demo", {"data": "mnist-mini"}, notes.append).data.binarize == "dynamic"
    assert len(notes) == 1


def test_an_end_that_is_given_is_the_end():
    notes: list[str] = []
    assert "max_epochs" not in read("mnist", {"trainer.max_steps": 5}, notes.append).trainer
    assert notes == ["trainer.max_steps is the end: the recipe's trainer.max_epochs 457 no longer is."]
    both = read("mnist", {"trainer.max_steps": 5, "trainer.max_epochs": 3}).trainer
    assert (both["max_steps"], both["max_epochs"]) == (5, 3)
    assert read("mnist", {"trainer.precision": "bf16-mixed"}).trainer["max_epochs"] == 457


def test_a_model_that_says_nothing_of_its_arguments_has_options_too(monkeypatch):
    from pixelsnail.models import MODELS, PixelSNAIL

    class Plain(PixelSNAIL):
        def __init__(self, shape, levels=2, width: int = 3, *rest, **more):
            super().__init__(shape, levels, channels=width)

    monkeypatch.setitem(MODELS.own, "Plain", Plain)
    assert {option.name: option.default for option in options("Plain") if option.name.startswith("model.")} == {
        "model.name": None,
        "model.shape": None,
        "model.levels": 2,
        "model.width": 3,
    }
    assert read({"model": {"name": "Plain", "width": 5}}).model["width"] == 5
    with pytest.raises(TypeError, match=r"model\.width is .x.; expected a whole number"):
        read({"model": {"name": "Plain", "width": "x"}})


@pytest.mark.parametrize("argument", ["classes", "label_dropout", "map_levels", "map_ratio"])
def test_a_model_that_cannot_be_conditioned_says_which_can(argument):
    with pytest.raises(
        ValueError, match=rf"PixelRNN takes no {argument}: it cannot be conditioned\. Leave .* PixelSNAILPrior"
    ):
        read({"model": {"name": "PixelRNN", argument: 2}})
    with pytest.raises(ValueError, match=r"did you mean 'model\.channels'"):
        read({"model": {"name": "PixelRNN", "chanels": 2}})
