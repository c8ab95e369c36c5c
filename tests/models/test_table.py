"""Models of other packages have names, and are imported when they are asked for."""

import json
import sys

import pytest
import torch

import pixelsnail
from pixelsnail.models import MODELS, PixelCNN
from pixelsnail.training import read
from tiny import random_levels

MODULE = """
from pixelsnail import PixelCNN, PixelSNAIL

class Stranger(PixelCNN):
    pass
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that offers models, as pip leaves it."""
    place = tmp_path / "site"
    about = place / "strangers-1.0.dist-info"
    about.mkdir(parents=True)
    (place / "strangers.py").write_text(MODULE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: strangers\nVersion: 1.0\n")
    names = ["Stranger = strangers:Stranger", "Other = strangers:Stranger", "Gone = strangers.nowhere:Gone"]
    lines = ["[pixelsnail.models]", *names, "PixelCNN = strangers:PixelSNAIL", "Number = math:pi"]
    (about / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(place)
    yield place
    sys.modules.pop("strangers", None)


def test_names_are_known_without_importing_what_a_stranger_wrote(package):
    assert {"PixelSNAIL", "Stranger", "Other", "Gone"} <= set(MODELS)
    assert "Stranger" in MODELS
    assert "Nobody" not in MODELS
    assert len(MODELS) == len(set(MODELS))
    with pytest.raises(KeyError):
        MODELS["Nobody"]
    assert "strangers" not in sys.modules


def test_no_package_takes_a_name_of_ours(package):
    assert MODELS["PixelCNN"] is PixelCNN
    assert "strangers" not in sys.modules


def test_a_strangers_model_is_named_by_recipes_saved_and_loaded(package, tmp_path):
    recipe = read("demo", {"model.name": "Stranger", "model.channels": "4", "model.layers": "1"})
    assert recipe.model == {"name": "Stranger", "channels": 4, "layers": 1}
    model = MODELS["Stranger"]((1, 4, 5), 2, channels=4, layers=1, head_channels=4)
    model.save(tmp_path / "saved")
    assert json.loads((tmp_path / "saved/config.json").read_text())["model"] == "Stranger"
    loaded, x = pixelsnail.load(tmp_path / "saved"), random_levels(2, (2, 1, 4, 5))
    assert type(loaded).__module__ == "strangers"
    assert torch.equal(loaded.log_prob(x), model.log_prob(x))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "Other",
            "The package strangers offers strangers:Stranger as the model Other; expected a subclass of pixelsnail",
        ),
        ("Number", "offers math:pi as the model Number; expected a subclass"),
        ("Gone", "The model Gone of the package strangers cannot be imported .*ModuleNotFoundError"),
    ],
)
def test_what_a_package_does_not_have_is_said(package, name, sentence):
    with pytest.raises(ValueError, match=sentence):
        MODELS[name]
