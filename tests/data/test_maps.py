"""A map beside every image: where it comes from, how it is checked, and that it follows its image."""

import numpy as np
import pytest
import torch

from pixelsnail import data
from pixelsnail.models import Model, PixelSNAIL


@pytest.fixture
def codes(tmp_path):
    """Two levels of codes of 40 images, the top ones at half the size: bottom[i] and top[i] begin with i."""
    random = np.random.default_rng(0)
    bottom, top = random.integers(0, 50, (40, 4, 6)), random.integers(0, 30, (40, 2, 3))
    bottom[:, 0, 0] = top[:, 0, 0] = np.arange(40) % 30
    labels = np.arange(40) % 4
    np.savez(tmp_path / "codes.npz", top=top, bottom=bottom, labels=labels, top_levels=32, levels=64)
    return tmp_path / "codes.npz"


def same_first(images):
    return bool(
        (images.batch(range(len(images)))[:, 0, 0, 0] == images.maps.batch(range(len(images)))[:, 0, 0, 0]).all()
    )


def test_an_array_is_named_and_its_levels_and_labels_with_it(codes):
    top, bottom = (data.open(f"npz:{codes}#{name}", "all") for name in ("top", "bottom"))
    assert (top.shape, top.levels, bottom.shape, bottom.levels) == ((1, 2, 3), 32, (1, 4, 6), 64)
    assert torch.equal(bottom.labels, torch.arange(40) % 4)
    with pytest.raises(ValueError, match=r"expected an array middle, or train_middle and so on"):
        data.open(f"npz:{codes}#middle")
    with pytest.raises(ValueError, match=r"or the name of one: .*codes.npz#bottom"):
        data.open(f"npz:{codes}")
    with pytest.raises(ValueError, match="names nothing; expected PLACE#NAME"):
        data.open(f"npz:{codes}#")


@pytest.mark.parametrize("maps", ["top", "npz:{}#top"])
def test_maps_follow_splits_subsets_and_batches(codes, maps):
    source = f"npz:{codes}#bottom"
    for split in ("train", "validation", "test", "all"):
        images = data.open(source, split, maps=maps.format(codes))
        assert len(images.maps) == len(images) > 0
        assert same_first(images)
    chosen = images.subset([7, 3, 30]).head(2)
    assert chosen.maps.batch([0, 1])[:, 0, 0, 0].tolist() == [7, 3]
    assert "with a map each, 2 x 3, 32 levels, of npz:" in str(images.read)
    assert images.read.as_dict()["maps"].startswith("2 x 3, 32 levels")
    assert data.open(source, "all").read.as_dict()["maps"] == ""


def test_splits_of_a_file_are_those_of_its_maps(tmp_path):
    arrays = {
        f"{split}_{name}": np.full((count, *size), count)
        for split, count in (("train", 9), ("validation", 4), ("test", 3))
        for name, size in (("top", (2, 2)), ("bottom", (4, 4)))
    }
    np.savez(tmp_path / "c.npz", **arrays, levels=10, train_labels=np.arange(9))
    for split, count in (("train", 9), ("validation", 4), ("test", 3)):
        images = data.open(f"npz:{tmp_path}/c.npz#bottom", split, maps="top")
        assert (len(images), images.maps.batch([0]).unique().item()) == (count, count)
    assert data.open(f"npz:{tmp_path}/c.npz#bottom").labels.tolist() == list(range(9))
    np.savez(tmp_path / "flat.npz", np.zeros((9, 2, 2), int))
    with pytest.raises(ValueError, match=r"has 9 images in its split train, but .* has 7 maps"):
        data.open(f"npz:{tmp_path}/c.npz#bottom", maps=f"npz:{tmp_path}/flat.npz")


def test_a_folder_of_maps_has_the_files_of_its_images(tmp_path, save):
    for i in range(6):
        save(tmp_path / f"x/{i}.png", size=(8, 4), seed=i)
        save(tmp_path / f"maps/{i}.png", size=(4, 2), seed=i)
    images = data.open(f"folder:{tmp_path}/x", "all", maps=f"folder:{tmp_path}/maps")
    assert (images.maps.shape, images.maps.levels) == ((1, 4, 2), 256)
    (tmp_path / "maps/5.png").rename(tmp_path / "maps/6.png")
    with pytest.raises(ValueError, match="or names them otherwise"):
        data.open(f"folder:{tmp_path}/x", "all", maps=f"folder:{tmp_path}/maps")


def test_maps_of_no_whole_ratio_are_refused():
    x = np.zeros((4, 6, 6), int)
    for size in ((4, 4), (3, 6), (12, 12), (6, 4)):
        with pytest.raises(
            ValueError, match=rf"{size[0]} x {size[1]} and the images of arrays 6 x 6; expected one whole"
        ):
            data.from_arrays(x, maps=np.zeros((4, *size), int))
    assert data.from_arrays(x, maps=data.from_arrays(np.zeros((4, 2, 3, 3), int), axes="NCHW")).maps.shape == (2, 3, 3)
    with pytest.raises(ValueError, match="has 4 images in its split all, but the maps of arrays has 5 maps"):
        data.from_arrays(x, maps=np.zeros((5, 3, 3), int))


def test_a_column_of_a_hub_s_set_is_named(tmp_path):
    datasets = pytest.importorskip("datasets")
    top, bottom = (np.arange(12)[:, None, None] + np.zeros((n, n), int) for n in (2, 4))
    rows = {"top": top.tolist(), "bottom": bottom.tolist(), "label": [i % 3 for i in range(12)]}
    table = datasets.Dataset.from_dict(rows)
    datasets.DatasetDict({"train": table, "test": table.select(range(4))}).save_to_disk(str(tmp_path / "set"))
    images = data.open(f"hf:{tmp_path}/set#bottom", "train", maps="top")
    assert (images.shape, images.maps.shape, len(images)) == ((1, 4, 4), (1, 2, 2), 12)
    assert same_first(images)
    assert images.labels[:3].tolist() == [0, 1, 2]
    assert data.resolve(f"hf:{tmp_path}/set#bottom") == f"hf:{tmp_path}/set#bottom"
    with pytest.raises(ValueError, match=r"has the columns .*; expected middle among them"):
        data.open(f"hf:{tmp_path}/set#middle")


def test_a_condition_reads_maps_and_says_what_does_not_fit():
    random = np.random.default_rng(0)
    images = data.from_arrays(random.integers(0, 3, (7, 4, 6)), maps=random.integers(0, 5, (7, 2, 3)))

    def model(**arguments) -> Model:
        return PixelSNAIL((1, 4, 6), 3, channels=4, blocks=1, map_features=4, **arguments)

    fitting = model(map_levels=5)
    fitting.condition.check_data(images)
    assert torch.equal(fitting.condition.of(images, [6, 2]), images.maps.batch([6, 2]))
    assert fitting.condition.shown(images, 9).shape == (9, 1, 2, 3)
    for arguments, words in (
        ({"map_levels": 4}, r"holds code 4, but this model is conditioned on codes 0 \.\.\. 3 \(map_levels 4\)"),
        ({"map_levels": 5, "map_ratio": 1}, r"are \(C, H, W\) = \(1, 2, 3\), but .* conditioned on \(1, 4, 6\)"),
        ({"map_levels": 5, "map_channels": 2}, r"conditioned on \(2, 2, 3\)"),
    ):
        with pytest.raises(ValueError, match=words):
            model(**arguments).condition.check_data(images)
    with pytest.raises(ValueError, match=r"has no maps beside its images.*a map of H / 2 x W / 2 codes 0 \.\.\. 4"):
        fitting.condition.check_data(data.from_arrays(random.integers(0, 3, (7, 4, 6))))
