"""Measured sheets and published yield functions, with their sources."""

from __future__ import annotations

import numpy as np

import polyxtal as px

ANGLES = np.arange(0.0, 91.0, 15.0)

AA2090_STRESS = [1.0, 0.9605, 0.9102, 0.8114, 0.8096, 0.8815, 0.9102]
AA2090_R = [0.2115, 0.3269, 0.6923, 1.5769, 1.0385, 0.5384, 0.6923]
AA2090_BIAXIAL = 1.035, 0.67
"""2090-T3: yield stresses over that at 0, r-values, equibiaxial [Barlat2003, Barlat2005]."""
AA2090_YLD2000 = (0.4865, 1.3783, 0.7536, 1.0246, 1.0363, 0.9036, 1.2321, 1.4858)
AA2090_YLD2004 = (
    (-0.069888, 0.936408, 0.079143, 1.003060, 0.524741, 1.363180, 1.023770, 1.069060, 0.954322),
    (0.981171, 0.476741, 0.575316, 0.866827, 1.145010, -0.079294, 1.051660, 1.147100, 1.404620),
)

AA6016_STRESS = [1.0, 0.908, 0.983]
AA6016_R = [0.526, 0.253, 0.601]
AA6016_BIAXIAL = 0.991, 0.4606 / 0.5394
"""AA6016-T4 at 0, 45, 90, and equibiaxial [Habraken2022]."""
AA6016_YLD2000 = (0.9238, 0.9967, 0.9365, 1.0227, 1.0303, 1.0075, 0.8385, 1.3761)

AA6022_STRESS = [1.000, 1.000, 1.001, 0.973, 0.962, 0.954, 0.955]
AA6022_R = [0.80, 0.74, 0.54, 0.37, 0.41, 0.47, 0.54]
AA6022_BIAXIAL = 0.929, 1.08
AA6022_PLANE_STRAIN = {0.0: 1.096, 45.0: 1.019, 90.0: 0.978}
"""AA6022-T4 [Tian2016], from the data of PolyN (MIT licence)."""
AA6022_YLD2000 = (0.919, 1.072, 1.204, 1.109, 0.992, 0.892, 0.957, 1.098)


def aa2090() -> px.YieldPoints:
    """Return the sixteen points of 2090-T3."""
    uniaxial = px.YieldPoints.uniaxial(ANGLES, AA2090_STRESS, AA2090_R)
    return uniaxial + px.YieldPoints.biaxial(*AA2090_BIAXIAL)


def aa6022() -> px.YieldPoints:
    """Return the sixteen points of AA6022-T4 in uniaxial and equibiaxial tension."""
    uniaxial = px.YieldPoints.uniaxial(ANGLES, AA6022_STRESS, AA6022_R)
    return uniaxial + px.YieldPoints.biaxial(*AA6022_BIAXIAL)


def aa6022_plane_strain() -> px.YieldPoints:
    """Return the three points of AA6022-T4 in plane strain."""
    angles, stresses = zip(*AA6022_PLANE_STRAIN.items(), strict=True)
    return px.YieldPoints.plane_strain(angles, stresses)


def examples() -> dict[str, px.YieldFunction]:
    """Return an anisotropic function of each kind."""
    return {
        "hill48": px.Hill48(0.6, 0.55, 0.4, 1.6, 1.3, 1.8),
        "yld91": px.Yld91(1.1, 0.9, 1.05, 1.2, 0.95, 1.15),
        "yld2000": px.Yld2000(AA2090_YLD2000),
        "yld2004": px.Yld2004(*AA2090_YLD2004),
        "cpb06": px.CPB06((1.0, 0.9, 1.2, -0.1, 0.05, 0.1, 1.1, 0.9, 1.2), 0.2, 4.0),
    }
