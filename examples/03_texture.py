"""Rolled sheet: texture, pancake grains, pole figures and ODF sections.

Run from anywhere: python examples/03_texture.py
"""

from pathlib import Path

import polyxtal as px
from polyxtal.microstructure.grain_statistics import grain_statistics
from polyxtal.viz.odf_sections import draw_odf_sections
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture import draw_inverse_pole_figure, draw_pole_figure


def main(folder: str | Path = "out/texture", grid: int = 64, grains: int = 600) -> px.Polycrystal:
    # x is the rolling direction, z the sheet normal; the remaining volume fraction is random.
    rolled = px.rolling_texture({"brass": 0.3, "copper": 0.2, "s": 0.3})
    rve = px.tessellate(grid, grains, rolled, aspect=(4, 2, 1), spread=0.2, seed=0)

    got = grain_statistics(rve)
    x, y, _ = got.aspect()
    print(
        f"requested: aspects 4 and 2, spread 0.2; obtained: {x:.1f} and {y:.1f}, {got.spread():.2f}"
    )
    assert abs(x - 4) < 0.5
    assert abs(y - 2) < 0.2
    assert abs(got.spread() - 0.2) < 0.03

    # For comparison, each of the few crystals in the volume is smoothed by 10°.
    far = px.odf_distance(rolled, rve.texture(), resolution=10)
    random = px.odf_distance(rolled, px.UniformTexture(), resolution=10)
    print(
        f"volume fraction by which the textures differ: {far:.2f}; "
        f"from a random texture: {random:.2f}"
    )
    assert far < 0.6 * random

    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    figure = new_figure(8, 3.4)
    left, right = figure.subplots(1, 2)
    draw_pole_figure(left, rve.orientations, rve.volume_fractions, plane=(1, 1, 1))
    draw_inverse_pole_figure(right, rve.orientations, rve.volume_fractions, direction=(0, 0, 1))
    figure.savefig(out / "poles.png")
    figure = new_figure(9, 3.4)
    draw_odf_sections(figure, rolled, phi2=(0, 45, 65))
    figure.savefig(out / "sections.png")
    print(f"Figures: {out}")
    return rve


if __name__ == "__main__":
    main()
