"""Write the curves of this folder: full fields of a rolled sheet of AA6022-T4, with noise.

    python examples/calibrate/make_curves.py

They stand for measured ones, with parameters that are known: those of the shipped material.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import polyxtal as px


def main(folder: Path = Path(__file__).parent) -> None:
    texture = px.rolling_texture({"cube": 0.2, "copper": 0.15, "s": 0.15, "brass": 0.1})
    sheet, alloy = px.from_texture(texture, grains=343), px.load_material("AA6022-T4")
    generator = np.random.default_rng(0)
    for name, axis in (("rolling", "x"), ("transverse", "y")):
        response = px.simulate(sheet, alloy, px.LoadPath.uniaxial(0.08, axis=axis))
        strain, stress = (getattr(response, q)(2 * axis).numpy() for q in ("strain", "stress"))
        stress = stress + generator.normal(0.0, 0.8, len(stress))
        rows = (f"{100 * e:.4f},{s:.2f}" for e, s in zip(strain, stress, strict=True))
        text = "\n".join(["strain [%],stress [MPa]", *rows, ""])
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
