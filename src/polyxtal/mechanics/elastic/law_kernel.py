"""The local law of the spectral solver, compiled for CPU.

The stiffness of the voxels is stored in blocks, with constant offsets within a block so that the
compiler vectorises.
"""

from __future__ import annotations

from polyxtal.algebra.compiling import compiled

BLOCK = 128
"""Voxels in a block of the packed stiffness field, `stiffness[block, entry * BLOCK + voxel]`."""


@compiled
def lay_out(table, grains, field):  # type: ignore[no-untyped-def]
    """Fill the stiffness field from a table (entries, grains); the last block may stay partial."""
    entries = table.shape[0]
    for block in range(field.shape[0]):
        members = grains[block * BLOCK : (block + 1) * BLOCK]
        for entry in range(entries):
            row, out = table[entry], field[block, entry * BLOCK : (entry + 1) * BLOCK]
            for k in range(len(members)):
                out[k] = row[members[k]]


@compiled
def deviatoric(m, k, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Multiply by the first 15 entries of a triangle by columns: five rows, five columns."""
    return (
        m[k] * a
        + m[BLOCK + k] * b
        + m[3 * BLOCK + k] * c
        + m[6 * BLOCK + k] * d
        + m[10 * BLOCK + k] * e,
        m[BLOCK + k] * a
        + m[2 * BLOCK + k] * b
        + m[4 * BLOCK + k] * c
        + m[7 * BLOCK + k] * d
        + m[11 * BLOCK + k] * e,
        m[3 * BLOCK + k] * a
        + m[4 * BLOCK + k] * b
        + m[5 * BLOCK + k] * c
        + m[8 * BLOCK + k] * d
        + m[12 * BLOCK + k] * e,
        m[6 * BLOCK + k] * a
        + m[7 * BLOCK + k] * b
        + m[8 * BLOCK + k] * c
        + m[9 * BLOCK + k] * d
        + m[13 * BLOCK + k] * e,
        m[10 * BLOCK + k] * a
        + m[11 * BLOCK + k] * b
        + m[12 * BLOCK + k] * c
        + m[13 * BLOCK + k] * d
        + m[14 * BLOCK + k] * e,
    )


@compiled
def block_stress(m, strain, start, stop):  # type: ignore[no-untyped-def]
    """Replace the strain of a block by its stress; return the sum of strain · stress."""
    if start >= stop:
        return strain[0, 0] - strain[0, 0]
    s0, s1, s2 = strain[0, start:stop], strain[1, start:stop], strain[2, start:stop]
    s3, s4 = strain[3, start:stop], strain[4, start:stop]
    work = s0[0] - s0[0]
    if strain.shape[0] == 5:
        for k in range(len(s0)):
            a, b, c, d, e = s0[k], s1[k], s2[k], s3[k], s4[k]
            x0, x1, x2, x3, x4 = deviatoric(m, k, a, b, c, d, e)
            work += a * x0 + b * x1 + c * x2 + d * x3 + e * x4
            s0[k], s1[k], s2[k], s3[k], s4[k] = x0, x1, x2, x3, x4
        return work
    s5 = strain[5, start:stop]
    for k in range(len(s0)):
        a, b, c, d, e, f = s0[k], s1[k], s2[k], s3[k], s4[k], s5[k]
        x0, x1, x2, x3, x4 = deviatoric(m, k, a, b, c, d, e)
        m0, m1, m2 = m[15 * BLOCK + k], m[16 * BLOCK + k], m[17 * BLOCK + k]
        m3, m4, m5 = m[18 * BLOCK + k], m[19 * BLOCK + k], m[20 * BLOCK + k]
        x0, x1, x2, x3, x4 = x0 + m0 * f, x1 + m1 * f, x2 + m2 * f, x3 + m3 * f, x4 + m4 * f
        x5 = m0 * a + m1 * b + m2 * c + m3 * d + m4 * e + m5 * f
        work += a * x0 + b * x1 + c * x2 + d * x3 + e * x4 + f * x5
        s0[k], s1[k], s2[k], s3[k], s4[k], s5[k] = x0, x1, x2, x3, x4, x5
    return work


@compiled
def stress_of_strain(stiffness, strain, scratch, paired):  # type: ignore[no-untyped-def]
    """Replace strain by stress; return the sum of strain · stress.

    Args:
        stiffness: Upper triangles by columns, (blocks, 15 or 21 times BLOCK).
        strain: (5 or 6, voxels), or (5 or 6, 2 voxels) with two strains side by side.
        scratch: As one block of `stiffness`.
        paired: Whether there are two strains.
    """
    values = strain.shape[1]
    result = 0.0
    for block in range(stiffness.shape[0]):
        if paired:
            for half in range(2):
                m = stiffness[block, half * (BLOCK // 2) :]
                for entry in range(len(scratch) // BLOCK):
                    for k in range(BLOCK // 2):
                        scratch[entry * BLOCK + 2 * k] = m[entry * BLOCK + k]
                        scratch[entry * BLOCK + 2 * k + 1] = m[entry * BLOCK + k]
                start = (2 * block + half) * BLOCK
                result += block_stress(scratch, strain, start, min(start + BLOCK, values))
        else:
            start = block * BLOCK
            result += block_stress(stiffness[block], strain, start, min(start + BLOCK, values))
    return result
