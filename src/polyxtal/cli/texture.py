"""`polyxtal texture`: the orientation density of files."""

from __future__ import annotations

import typer

from polyxtal.cli import options
from polyxtal.cli import texture_options as own
from polyxtal.cli.console import deferred_warnings, friendly_errors


def texture(
    files: own.Files,
    out: own.Out = None,
    frame: options.Frame = None,
    phase: own.Phase = None,
    laue: own.Laue = None,
    symmetry: own.Symmetry = "triclinic",
    halfwidth: own.Halfwidth = None,
    rule: own.Rule = "cross-validation",
    unit: own.Unit = None,
    threshold: own.Threshold = None,
    section_spacing: options.SectionSpacing = None,
    no_align: options.NoAlign = False,
    container: options.Container = None,
    array: options.Array = None,
    grains: options.Grains = None,
    grid: options.Grid = None,
    increment: options.Increment = None,
    lattice: own.Lattice = None,
    c_over_a: own.CoverA = None,
    reflections: own.Reflections = None,
    missing: own.Missing = None,
    background: own.Background = None,
    defocusing: own.Defocusing = None,
    clip: own.Clip = False,
    centre: own.Centre = 0.0,
    alpha: own.Alpha = None,
    resolution: own.Resolution = 5.0,
    no_ghost_correction: own.NoGhost = False,
    sections: own.Sections = "phi2",
    projection: own.Projection = "equal-area",
    no_picture: options.NoPicture = False,
    force: own.Force = False,
    debug: options.Debug = False,
) -> None:
    """Estimate the orientation density: report, pictures, and a file of it."""
    with friendly_errors(debug), deferred_warnings():
        from polyxtal.workflows.texture.run import run_texture
        from polyxtal.workflows.texture.settings import TextureSettings

        maps = options.map_settings(
            frame, threshold, None, None, None, container, array, grains, grid, increment,
            section_spacing, no_align,
        )  # fmt: skip
        figures = own.figure_settings(
            lattice, c_over_a, reflections, missing, background, defocusing, clip, centre, alpha,
            resolution, no_ghost_correction,
        )  # fmt: skip
        settings = TextureSettings(
            phase, laue, symmetry, halfwidth, rule, unit, sections, projection, maps, figures
        )
        lines, folder = run_texture(files, settings, out, picture=not no_picture, force=force)
        for line in lines:
            typer.echo(line)
        typer.echo(f"Written to {folder}")
