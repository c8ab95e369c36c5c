"""Files are complete or not there."""

import errno
import os
import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pixelsnail.files import write_atomically


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def write_half(path: Path, reason: BaseException) -> None:
    with write_atomically(path) as temporary:
        temporary.write_bytes(b"half")
        raise reason


def test_nothing_has_the_final_name_before_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "a" / "samples.png"
    with write_atomically(path) as temporary:
        temporary.write_bytes(b"half")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert names(path.parent) == ["samples.png"]


@pytest.mark.parametrize(
    "reason", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"]
)
def test_a_failed_block_leaves_nothing(tmp_path: Path, reason: BaseException) -> None:
    with pytest.raises(type(reason)):
        write_half(tmp_path / "samples.png", reason)
    assert names(tmp_path) == []


def test_a_failed_block_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("earlier")
    with pytest.raises(OSError, match="No space"):
        write_half(path, OSError(errno.ENOSPC, "No space left on device"))
    assert path.read_text() == "earlier"
    assert names(tmp_path) == ["scores.csv"]


def test_a_later_file_replaces_an_earlier_one(tmp_path: Path) -> None:
    for text in ("earlier", "later"):
        with write_atomically(str(tmp_path / "scores.csv")) as temporary:
            temporary.write_text(text)
    assert (tmp_path / "scores.csv").read_text() == "later"


def test_a_folder_under_the_final_name_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError), write_atomically(tmp_path / "a.png") as temporary:
        temporary.write_bytes(b"whole")
    assert names(tmp_path) == ["a.png"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_others_can_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    before = os.umask(0o027)
    try:
        with write_atomically(path) as temporary:
            save_file({"weight": torch.ones(1)}, temporary)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
