"""Models on disk: our own folders, and other projects' files."""

from pixelsnail.checkpoints.convert import PROJECTS, convert, import_file
from pixelsnail.checkpoints.folder import about, build_model, is_packaged, load, locate, packaged, record, save

__all__ = [
    "PROJECTS",
    "about",
    "build_model",
    "convert",
    "import_file",
    "is_packaged",
    "load",
    "locate",
    "packaged",
    "record",
    "save",
]
