import numpy as np
import pytest
import torch
from PIL import Image

from pixelsnail.pictures import position_maps


def test_maps_stand_side_by_side_with_differences_below(tmp_path):
    maps = {
        name: torch.rand(28, 28, generator=torch.Generator().manual_seed(place)) for place, name in enumerate("abc")
    }
    position_maps(maps, tmp_path / "three.png")
    position_maps({"a": maps["a"]}, tmp_path / "one.png")
    three, one = (np.asarray(Image.open(tmp_path / name)) for name in ("three.png", "one.png"))
    assert three.shape[0] > 1.5 * one.shape[0]
    assert three.shape[1] > 2 * one.shape[1]
    position_maps(maps, tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "three.png").read_bytes()


@pytest.mark.parametrize(
    ("maps", "sentence"),
    [
        ({}, "There is no map to draw"),
        ({"a": torch.zeros(2, 2), "b": torch.zeros(2, 3)}, r"'b' has shape \(2, 3\); expected \(H, W\), the same"),
        ({"a": torch.tensor([[float("nan")]])}, "'a' holds a value that is not finite"),
    ],
)
def test_what_cannot_be_drawn_is_said(tmp_path, maps, sentence):
    with pytest.raises(ValueError, match=sentence):
        position_maps(maps, tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
