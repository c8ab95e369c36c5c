"""Image files as levels, where nothing of them is lost."""

import numpy as np
import pytest
from PIL import Image

from pixelsnail.data.exact import exact_files


@pytest.fixture
def save(tmp_path):
    def save(name, array, mode=None):
        image = Image.fromarray(np.asarray(array, dtype=np.uint8))
        (image if mode is None else image.convert(mode)).save(tmp_path / name)
        return tmp_path / name

    return save


def levels_of(path, shape, levels, binarize="none"):
    names, images, left = exact_files([path], (shape, levels), binarize)
    assert (names, left) == ([str(path)], [])
    return images[0].numpy()


def test_levels_are_those_of_the_file(save):
    grey = np.arange(20).reshape(4, 5) * 12
    assert (levels_of(save("g.png", grey), (1, 9, 9), 256)[0] == grey).all()
    colour = np.arange(60).reshape(4, 5, 3)
    assert (levels_of(save("c.png", colour), (3, 9, 9), 256) == colour.transpose(2, 0, 1)).all()
    assert (levels_of(save("few.png", grey // 60), (1, 9, 9), 4)[0] == grey // 60).all()


def test_grey_and_colour_become_each_other_where_nothing_is_lost(save):
    grey = np.arange(20).reshape(4, 5) * 12
    assert (levels_of(save("g.png", grey), (3, 9, 9), 256) == grey).all()
    assert (levels_of(save("rgb.png", grey, "RGB"), (1, 9, 9), 256)[0] == grey).all()
    with pytest.raises(ValueError, match="in colour and this model is of grey images"):
        levels_of(save("c.png", np.arange(60).reshape(4, 5, 3)), (1, 9, 9), 256)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_black_and_white_become_bits(save, mode):
    bits = np.random.default_rng(0).integers(0, 2, (4, 5))
    assert (levels_of(save("b.png", 255 * bits, mode), (1, 9, 9), 2)[0] == bits).all()


def test_grey_becomes_bits_only_where_that_is_asked_for(save):
    path = save("g.png", [[0, 127, 128, 255]])
    with pytest.raises(ValueError, match=r"has grey levels \(127\)"):
        levels_of(path, (1, 9, 9), 2)
    assert levels_of(path, (1, 9, 9), 2, "threshold").tolist() == [[[0, 0, 1, 1]]]


def test_files_of_many_sizes_and_others_left_out(save, tmp_path):
    save("a.png", np.zeros((2, 3)))
    save("b.png", np.zeros((4, 1)))
    (tmp_path / "notes.txt").write_text("no image")
    names, images, left = exact_files([tmp_path], ((1, 9, 9), 256))
    assert [image.shape for image in images] == [(1, 2, 3), (1, 4, 1)]
    assert names == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    assert left == [str(tmp_path / "notes.txt")]
    assert len(exact_files([tmp_path], ((1, 9, 9), 256), limit=1)[1]) == 1


def test_sixteen_bits_are_not_cut(tmp_path):
    Image.fromarray(np.full((2, 2), 1000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match="has 16 bits a channel and this model 256 levels"):
        levels_of(tmp_path / "deep.png", (1, 9, 9), 256)
    assert (levels_of(tmp_path / "deep.png", (1, 9, 9), 65536) == 1000).all()
