"""Pictures that stand in a paper: grids of levels, completions, maps of surprise, curves.

Grids need Pillow only. Maps and curves need matplotlib (the extra `plots`), which is imported when one is drawn.
"""

from pixelsnail.pictures.causal_maps import CausalMap, attention_maps, causal_maps
from pixelsnail.pictures.curves import curves
from pixelsnail.pictures.exact import exact_image
from pixelsnail.pictures.figures import require_matplotlib
from pixelsnail.pictures.grids import completions, grid, image
from pixelsnail.pictures.maps import position_maps, surprise_map, surprise_maps
from pixelsnail.pictures.pixel import pixel_levels
from pixelsnail.pictures.png import write_png

__all__ = [
    "CausalMap",
    "attention_maps",
    "causal_maps",
    "completions",
    "curves",
    "exact_image",
    "grid",
    "image",
    "pixel_levels",
    "position_maps",
    "require_matplotlib",
    "surprise_map",
    "surprise_maps",
    "write_png",
]
