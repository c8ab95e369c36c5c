"""Pictures on the disk: complete or not there."""

from pathlib import Path

from PIL import Image

from pixelsnail.errors import WrongValueError
from pixelsnail.files import write_atomically


def write_png(image: Image.Image, path: str | Path) -> None:
    """Writes a picture under a temporary name beside `path` and renames it; a failure leaves nothing.

    Raises ValueError for a suffix that is not .png, before anything is written.
    """
    check_suffix(path, (".png",))
    with write_atomically(path) as temporary:
        image.save(temporary, format="PNG")


def check_suffix(path: str | Path, supported: tuple[str, ...]) -> str:
    """The format that a file's name asks for, such as "png". Raises ValueError that names the supported suffixes."""
    suffix = Path(path).suffix.lower()
    if suffix not in supported:
        raise WrongValueError(
            f"{path} has {f'the suffix {suffix}' if suffix else 'no suffix'}; expected {' or '.join(supported)}."
        )
    return suffix[1:]
