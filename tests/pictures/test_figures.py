"""Maps and curves: what they show is what they were given, and matplotlib comes only when one is drawn."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from pixelsnail.pictures import curves, require_matplotlib, surprise_map, surprise_maps

VIRIDIS = matplotlib.colormaps["viridis"]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def area(shown: np.ndarray, colour: tuple[int, ...]) -> int:
    """How many dots have very nearly this colour."""
    return int((np.abs(shown.astype(int) - colour).max(-1) <= 1).sum())


def viridis(share: float) -> tuple[int, ...]:
    return tuple(round(255 * part) for part in VIRIDIS(share)[:3])


def test_a_map_shows_each_pixel_as_a_square_of_its_colour(tmp_path: Path) -> None:
    nats = torch.tensor([[0.0, 2.0], [2.0, 4.0]])
    surprise_map(nats, None, 2, tmp_path / "map.png")
    shown = pixels(tmp_path / "map.png")
    square = 160 * 160  # 1.6 inches of 200 dots for two pixels
    for share, count in [(0.0, 1), (0.5, 2), (1.0, 1)]:
        assert count * square * 0.97 < area(shown, viridis(share)) < count * square * 1.03


def test_upper_makes_maps_comparable(tmp_path: Path) -> None:
    nats = torch.full((2, 2), 2.0)
    surprise_map(nats, None, 2, tmp_path / "map.png", upper=4)
    assert area(pixels(tmp_path / "map.png"), viridis(0.5)) > 0.97 * 4 * 160 * 160


def test_the_image_is_beside_its_map(tmp_path: Path) -> None:
    x = torch.tensor([255, 10, 20], dtype=torch.uint8).view(3, 1, 1).expand(3, 4, 4)
    surprise_map(torch.ones(4, 4), x, 256, tmp_path / "map.png", title="a red image")
    shown = pixels(tmp_path / "map.png")
    assert area(shown, (255, 10, 20)) > 0.97 * 320 * 320
    assert area(shown, viridis(1.0)) > 0.97 * 320 * 320


def test_several_maps_share_one_scale(tmp_path: Path) -> None:
    nats = torch.stack([torch.full((4, 4), value) for value in (1.0, 2.0, 4.0)])
    surprise_maps(nats, torch.ones(3, 1, 4, 4, dtype=torch.uint8), 2, tmp_path / "maps.png")
    shown = pixels(tmp_path / "maps.png")
    for share in (0.25, 0.5, 1.0):
        assert area(shown, viridis(share)) > 0.95 * 200 * 200


def test_a_model_that_is_never_surprised_has_a_map(tmp_path: Path) -> None:
    surprise_map(torch.zeros(1, 9), torch.zeros(1, 1, 9, dtype=torch.long), 2, tmp_path / "map.png")
    assert area(pixels(tmp_path / "map.png"), viridis(0.0)) > 9 * 36 * 36 * 0.9


@pytest.mark.parametrize(
    ("nats", "x", "name", "message"),
    [
        (torch.ones(2, 2), torch.zeros(1, 2, 3, dtype=torch.long), "a.png", r"x holds 1 x \(2, 3\) pixels"),
        (torch.ones(4), None, "a.png", r"nats has shape \(4,\); expected \(H, W\)"),
        (torch.full((2, 2), torch.nan), None, "a.png", "not finite"),
        (torch.ones(2, 2), torch.full((1, 2, 2), 2), "a.png", "x holds level 2"),
        (torch.ones(2, 2), None, "a.svg", r"suffix \.svg; expected \.png"),
    ],
)
def test_a_map_that_cannot_be_is_refused(
    tmp_path: Path, nats: torch.Tensor, x: torch.Tensor | None, name: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        surprise_map(nats, x, 2, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


SERIES = {"train": ([0, 1, 2], [3.0, 2.0, 1.5]), "validation": ([0, 2], [3.1, 1.8])}


def test_curves_are_told_apart_by_colour_and_named(tmp_path: Path) -> None:
    curves(SERIES, tmp_path / "curves.svg", "training step", "test nats")
    svg = (tmp_path / "curves.svg").read_text()
    ElementTree.fromstring(svg)
    assert "#0072b2" in svg
    assert "#d55e00" in svg
    assert "stroke-dasharray" in svg
    for text in ("train", "validation", "training step", "test nats"):
        assert f"<!-- {text} -->" in svg
    assert "<dc:date>" not in svg


def test_curves_are_png_by_suffix(tmp_path: Path) -> None:
    curves(SERIES, tmp_path / "curves.png", "training step", "test nats")
    assert area(pixels(tmp_path / "curves.png"), (0x00, 0x72, 0xB2)) > 100


@pytest.mark.parametrize("points", [5, 100])
def test_many_curves_are_told_apart_without_colour_too(tmp_path: Path, points: int) -> None:
    """A sample of each in the legend: no two have the same dashes and the same marker."""
    series = {f"curve {n}": (list(range(points)), [float(n)] * points) for n in range(12)}
    curves(series, tmp_path / "curves.svg", "x", "y")
    tree = ElementTree.parse(tmp_path / "curves.svg")
    name = "{http://www.w3.org/2000/svg}"
    (legend,) = (group for group in tree.iter(f"{name}g") if group.get("id") == "legend_1")
    drawn = [group for group in legend.iter(f"{name}g") if (group.get("id") or "").startswith("line2d")]
    styles = []
    for group in drawn:
        line = next(path for path in group.iter(f"{name}path") if "fill: none" in (path.get("style") or ""))
        dashes = [part for part in (line.get("style") or "").split(";") if "dasharray" in part]
        marker = next(use.get("{http://www.w3.org/1999/xlink}href") for use in group.iter(f"{name}use"))
        styles.append((*dashes, marker))
    assert len(styles) == len(set(styles)) == 12


@pytest.mark.parametrize(
    ("upto", "said"),
    [
        (10.0, None),
        (4.0, "above 4: not shown"),
        (2.5, "above 2.5: not shown, nor far"),
    ],
)
def test_a_figure_says_what_it_cuts_off(tmp_path: Path, upto: float, said: str | None) -> None:
    series = {"near": ([0, 1, 2], [9.0, 2.0, 1.0]), "far": ([0, 1, 2], [8.0, 3.0, 3.0])}
    curves(series, tmp_path / "curves.svg", "x", "y", upto=upto)
    svg = (tmp_path / "curves.svg").read_text()
    assert ("not shown" in svg) == (said is not None)
    assert said is None or f"<!-- {said} -->" in svg


@pytest.mark.parametrize(
    ("series", "name", "message"),
    [
        (SERIES, "curves.pdf", r"suffix \.pdf; expected \.png or \.svg"),
        ({}, "curves.png", "no curve to draw"),
        ({"train": ([0, 1], [1.0])}, "curves.png", "'train' has 2 x and 1 y"),
    ],
)
def test_curves_that_cannot_be_are_refused(tmp_path: Path, series: dict, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        curves(series, tmp_path / name, "x", "y")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_matplotlib_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    sentence = r"^Drawing maps needs matplotlib; install it with: pip install 'pixelsnail\[plots\]'\.$"
    with pytest.raises(ImportError, match=sentence):
        surprise_map(torch.ones(2, 2), None, 2, tmp_path / "map.png")
    with pytest.raises(ImportError, match=sentence):
        require_matplotlib()
    assert list(tmp_path.iterdir()) == []


def test_importing_pictures_does_not_import_matplotlib() -> None:
    program = "import sys, pixelsnail.pictures; print('matplotlib' in sys.modules); "
    program += "import matplotlib; print('matplotlib' in sys.modules)"  # the check can fail
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]
