"""Causal maps: every pixel is a square of its colour, later pixels are covered, and one scale holds for all."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pixelsnail.pictures import CausalMap, attention_maps, causal_maps

PIXEL = (2, 1)
"""Of 4 x 4: nine pixels are earlier, six are later."""
GREY, VERMILLION, SKY = (208, 208, 208), (213, 94, 0), (86, 180, 233)
MIDDLE = 128.5 / 256
"""Of the colour bar: the middle of one of its 256 colours."""
HALF = 1e-4 ** (1 - MIDDLE)
"""What is there, on the scale of 1e-4 ... 1."""
VIRIDIS = matplotlib.colormaps["viridis"]


def viridis(share: float) -> tuple[int, ...]:
    return tuple(round(255 * part) for part in VIRIDIS(share)[:3])


def areas(path: Path, *colours: tuple[int, ...]) -> list[int]:
    """How many dots have very nearly each of these colours."""
    with Image.open(path) as picture:
        shown = np.asarray(picture.convert("RGB")).astype(int)
    return [int((np.abs(shown - colour).max(-1) <= 1).sum()) for colour in colours]


def test_each_pixel_is_a_square_and_from_the_pixel_on_all_is_covered(tmp_path: Path) -> None:
    values = torch.full((4, 4), HALF)  # the later ones must not show
    causal_maps({"one": [CausalMap(values, PIXEL)]}, tmp_path / "a.png", ["row"], "influence")
    earlier, later, own = areas(tmp_path / "a.png", viridis(MIDDLE), GREY, VERMILLION)
    assert earlier / 9 == pytest.approx(later / 6, rel=0.1)
    assert own == pytest.approx(later / 6, rel=0.3)  # the legend has one too
    assert later > 6 * 30 * 30


def test_maps_share_one_scale_whatever_their_size(tmp_path: Path) -> None:
    maps = [[CausalMap(torch.full((side, side), value), PIXEL), None] for side, value in ((4, 1.0), (5, HALF))]
    causal_maps({"large": maps[0], "small": maps[1]}, tmp_path / "a.png", ["first", "second"], "influence")
    # Of the same width on paper: 9 of 16 squares, and 11 of 25.
    one, half = areas(tmp_path / "a.png", viridis(1.0), viridis(MIDDLE))
    assert one / (9 / 16) == pytest.approx(half / (11 / 25), rel=0.1)


def test_what_has_no_influence_has_the_lowest_colour(tmp_path: Path) -> None:
    causal_maps({"one": [CausalMap(torch.zeros(4, 4), PIXEL)]}, tmp_path / "a.png", ["row"], "influence")
    lowest, later = areas(tmp_path / "a.png", viridis(0.0), GREY)
    assert lowest > later


def test_what_can_matter_has_a_colour_of_its_own_and_the_legend_says_so(tmp_path: Path) -> None:
    seen = torch.zeros(4, 4, dtype=torch.bool)
    seen[0, :3] = True
    maps = {"one": [CausalMap(seen, PIXEL, "3 of 9 pixels")]}
    for name in ("a.png", "a.svg"):
        causal_maps(maps, tmp_path / name, ["connectivity"], "influence")
    can, later = areas(tmp_path / "a.png", SKY, GREY)
    assert can / 3 == pytest.approx(later / 6, rel=0.15)
    text = (tmp_path / "a.svg").read_text()
    for words in ("one", "connectivity", "3 of 9 pixels", "the pixel", "can matter", "cannot matter"):
        assert f"<!-- {words} -->" in text
    assert "influence" not in text  # no bar where nothing is on its scale


def test_attention_stands_beside_its_image_and_heads_are_averaged(tmp_path: Path) -> None:
    weights = torch.zeros(1, 2, 2, 4, 4, dtype=torch.float64)
    weights[0, :, 0] = 2 * HALF  # the other head has zeros
    x = torch.ones(1, 4, 4, dtype=torch.uint8)
    attention_maps(weights, x, 3, [PIXEL], tmp_path / "a.png")
    mean, image, later = areas(tmp_path / "a.png", viridis(MIDDLE), (128, 128, 128), GREY)
    assert mean / 18 == pytest.approx(later / 12, rel=0.1)
    assert image / 15 == pytest.approx(later / 12, rel=0.1)
    attention_maps(weights, x, 3, [PIXEL], tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for words in ("image", "block 1", "block 2", "pixel 2,1", "attention weight"):
        assert f"<!-- {words} -->" in text
    assert "can matter" not in text


def test_the_same_maps_are_the_same_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        causal_maps({"one": [CausalMap(torch.rand(4, 4).fill_(0.1), PIXEL)]}, tmp_path / name, ["row"], "influence")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("values", "levels", "name", "sentence"),
    [
        (torch.ones(4), None, "a.png", r"has shape \(4,\); expected finite \(H, W\)"),
        (torch.full((4, 4), torch.nan), None, "a.png", "expected finite"),
        (torch.full((1, 4, 4), 2), 2, "a.png", "holds level 2"),
        (torch.ones(4, 4), None, "a.jpg", r"suffix \.jpg; expected \.png or \.svg"),
        (None, None, "a.png", "There is no map to draw"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    tmp_path: Path, values: Tensor | None, levels: int | None, name: str, sentence: str
) -> None:
    one = None if values is None else CausalMap(values, PIXEL, levels=levels)
    with pytest.raises(ValueError, match=sentence):
        causal_maps({"one": [one]}, tmp_path / name, ["row"], "influence")
    with pytest.raises(ValueError, match="has 1 maps; expected one for each of the 2 rows"):
        causal_maps({"one": [CausalMap(torch.ones(4, 4), PIXEL)]}, tmp_path / "a.png", ["a", "b"], "influence")
    assert not list(tmp_path.iterdir())
