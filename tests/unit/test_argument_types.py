"""Swapped arguments and wrong types are answered in one sentence, outside of tests, too."""

import subprocess
import sys

import pytest

from polyxtal.argument_types import require_type

# In a process of its own, because types are checked by beartype within the tests.
SETUP = """
import polyxtal as px
rve, material = px.tessellate(grid=3, grains=3, seed=0), px.load_material("AA6022-T4")
path, elasticity = px.LoadPath.uniaxial(1e-3, increments=1), material.elasticity
network = px.MaterialNetwork.from_polycrystal(rve, leaves=2)
response, texture = network.respond(material, path), px.UniformTexture()
q = [[1, 0, 0, 0]] * 12
figure = px.PoleFigure((1, 1, 1), [[0, 0, 1.0]], [1.0], px.Lattice("cF"))
ramp = [0.001 * k for k in range(9)]
test, free = px.Measurement(ramp, [1e4 * e for e in ramp]), ["slip_resistance_initial"]
model, nested = px.load_model("polyxtal-small"), [[1, 0, 0, 0], [1, 0, 0]]
def said(call):
    try:
        call()
    except ValueError as error:
        return str(error)
    return "nothing"
"""
CALLS = {
    "px.simulate(material, rve, path)": "Argument `rve` must be a Polycrystal, but is a Material.",
    "px.simulate(rve, path, material)": "Argument `path` must be a LoadPath, but is a Material.",
    "px.simulate(rve, elasticity, path)": (
        "Argument `material` must be a Material, or one for each phase name, "
        "but is a CubicElasticity."
    ),
    "px.predict_fields(material, rve, path)": (
        "Argument `rve` must be a Polycrystal, but is a Material."
    ),
    "px.predict_fields(rve, material, 0.05)": (
        "Argument `path` must be a LoadPath, but is a float."
    ),
    **{
        f"px.{call}, threads=True)": "Argument `threads` must be a whole number, but is a bool."
        for call in (
            "simulate(rve, material, path",
            "predict(rve, material, path",
            "predict_fields(rve, material, path",
            "laboratory(rve, material",
            "calibrate(rve, test, material, free",
            "NetworkBatch(network, material",
        )
    },
    "px.simulate(rve, material, path, threads=0)": (
        "Argument `threads` must be 1 to 1024, but is 0."
    ),
    "px.predict_fields(rve, material, path, times=[[0.5, 1.0]])": (
        "Argument `times` must be a vector of numbers, "
        "but is an array of float64 with shape (1, 2)."
    ),
    "px.predict_fields(rve, material, path, times=[True])": (
        "Argument `times` must be a vector of numbers, but is an array of bool with shape (1,)."
    ),
    "px.predict_fields(rve, material, path, strain_increment='a')": (
        "Argument `strain_increment` must be a number, but is a str."
    ),
    "px.homogenize(elasticity, rve)": (
        "Argument `rve` must be a Polycrystal, but is a CubicElasticity."
    ),
    "px.homogenize([[0, 1]], elasticity)": "Argument `rve` must be a Polycrystal, but is a list.",
    "px.homogenize(rve, material)": (
        "Argument `elasticity` must be an Elasticity, or one for each phase name, "
        "but is a Material."
    ),
    "px.calibrate(material, test, material, free)": (
        "Argument `specimen` must be a Polycrystal or a Texture, but is a Material."
    ),
    "px.calibrate(rve, response, material, free)": (
        "Argument `measurements` must be a Measurement or an Iterable, but is a Response."
    ),
    "px.calibrate(rve, [response], material, free)": (
        "Argument `measurements` must be a Measurement, but is a Response."
    ),
    "px.calibrate(rve, test, elasticity, free)": (
        "Argument `material` must be a Material, but is a CubicElasticity."
    ),
    "px.calibrate(rve, test, material, 3)": (
        "Argument `free` must be a Mapping or a Sequence, but is an int."
    ),
    "px.calibrate(rve, test, material, {'stress_exponent': 3})": (
        "Argument `free['stress_exponent']` must be a Sequence, but is an int."
    ),
    "px.calibrate(rve, test, material, free, 3)": (
        "Argument `settings` must be a CalibrationSettings, but is an int."
    ),
    "px.calibrate(rve, test, material, free, threads='2')": (
        "Argument `threads` must be a whole number, but is a str."
    ),
    "px.CalibrationSettings('64')": "Argument `leaves` must be a whole number, but is a str.",
    "px.Measurement('ab', [1.0] * 9)": (
        "Argument `strain` must be an array of numbers, but is a str of <U2."
    ),
    "px.Measurement(test.strain, test.stress, 3)": "Argument `name` must be a str, but is an int.",
    "px.Measurement(test.strain, test.stress, rate='a')": (
        "Argument `rate` must be a number, but is a str."
    ),
    "px.Measurement(test.strain, test.stress, cyclic=1)": (
        "Argument `cyclic` must be a bool, but is an int."
    ),
    "px.read_measurement(3)": "Argument `paths` must be a path or a Sequence, but is an int.",
    "px.read_measurement('a.csv', strain_unit=3)": (
        "Argument `strain_unit` must be a str, but is an int."
    ),
    "px.FreeParameter('a', 2.0)": "Argument `low` must be a number, but is a str.",
    "px.FreeParameter(1.0, 2.0, 'log')": "Argument `log` must be a bool, but is a str.",
    "px.FreeParameter(1.0, 2.0, prior='ab')": "Argument `prior` must be a number, but is a str.",
    "px.coarsen(rve, 2.0)": (
        "Argument `grid` must be a whole number or a Sequence, but is a float."
    ),
    "px.coarsen(rve, (2.9, 3, 3))": (
        "Argument `grid` must be whole numbers of voxels, but is (2.9, 3, 3)."
    ),
    "px.coarsen(3, rve)": "Argument `rve` must be a Polycrystal, but is an int.",
    "px.coarsen(rve, 2, 'a')": "Argument `seed` must be a whole number, but is a str.",
    "px.from_texture(rve)": "Argument `texture` must be a Texture, but is a Polycrystal.",
    "px.from_texture(texture, '27')": "Argument `grains` must be a whole number, but is a str.",
    "px.from_texture(texture, aspect=2)": "Argument `aspect` must be a Sequence, but is an int.",
    "px.from_texture(texture, aspect=('4', 2, 1))": (
        "Argument `aspect` must be three positive ratios, but is ('4', 2, 1)."
    ),
    "px.from_texture(texture, lattice='cF')": (
        "Argument `lattice` must be a Lattice, but is a str."
    ),
    "px.Elasticity.hexagonal('a', 1, 1, 1, 1)": ("Argument `c11` must be a number, but is a str."),
    "px.Elasticity.trigonal(1, 1, 1, 'a', 1, 1)": (
        "Argument `c14` must be a number, but is a str."
    ),
    "px.estimate_stiffness(elasticity, rve)": (
        "Argument `rve` must be a Polycrystal, but is a CubicElasticity."
    ),
    "px.predict(rve, material, path, seed=None)": (
        "Argument `seed` must be a whole number, but is None."
    ),
    "px.voigt_average(elasticity, rve)": (
        "Argument `rve` must be a Polycrystal, but is a CubicElasticity."
    ),
    "px.self_consistent_average(elasticity, rve)": (
        "Argument `rve` must be a Polycrystal, but is a CubicElasticity."
    ),
    "px.taylor_response(material, rve, path)": (
        "Argument `rve` must be a Polycrystal, but is a Material."
    ),
    "px.taylor_response(rve, material, 0.05)": (
        "Argument `path` must be a LoadPath, but is a float."
    ),
    "px.MaterialNetwork.from_polycrystal(8)": (
        "Argument `rve` must be a Polycrystal, but is an int."
    ),
    "network.respond(material, 0.05)": "Argument `path` must be a LoadPath, but is a float.",
    "px.NetworkBatch(rve, material)": (
        "Argument `networks` must be a MaterialNetwork or a Sequence, but is a Polycrystal."
    ),
    "px.NetworkBatch([rve], material)": (
        "Argument `networks` must be a MaterialNetwork, but is a Polycrystal."
    ),
    "px.NetworkBatch(network, elasticity)": (
        "Argument `materials` must be a Material, a Mapping or a Sequence, "
        "but is a CubicElasticity."
    ),
    "px.NetworkBatch(network, material, '3')": (
        "Argument `points` must be an array of numbers, but is a str of <U1."
    ),
    "px.NetworkBatch(network, material, 1, material)": (
        "Argument `axes` must be an array of numbers, but is a Material."
    ),
    "px.NetworkBatch(network, material, threads='2')": (
        "Argument `threads` must be a whole number, but is a str."
    ),
    "px.NetworkBatch(network, material, tolerance='a')": (
        "Argument `tolerance` must be a number, but is a str."
    ),
    "px.NetworkBatch(network, material).attempt(path, 1.0)": (
        "Argument `deformation` must be an array of numbers, but is a LoadPath."
    ),
    "px.NetworkBatch(network, material).orientations('a')": (
        "Argument `point` must be a whole number, but is a str."
    ),
    "px.NetworkBatch(network, material).save(3)": (
        "Argument `path` must be a path, but is an int."
    ),
    "px.write_umat(rve, material, 'a.f90')": (
        "Argument `network` must be a MaterialNetwork, but is a Polycrystal."
    ),
    "px.write_umat(network, material, 3)": "Argument `path` must be a path, but is an int.",
    "px.write('a.npz', rve)": "Argument `rve` must be a Polycrystal, but is a str.",
    "px.Polycrystal([[[0, 1], [0]]], [[1, 0, 0, 0]])": (
        "Argument `grain_id` must be an array, but its nested lists differ in length."
    ),
    "px.Polycrystal('grid', [[1, 0, 0, 0]])": (
        "Argument `grain_id` must be an array of numbers, but is a str of <U4."
    ),
    "px.Polycrystal([[[0]]], [[1, 0, 0, 0]], material)": (
        "Argument `size` must be an array of numbers, but is a Material."
    ),
    "px.Polycrystal([[[0]]], [[1, 0, 0, 0]], lattices=3)": (
        "Argument `lattices` must be a Sequence, but is an int."
    ),
    "px.write(rve, 'a.npz', {'crystal': elasticity})": (
        "Argument `materials` must be a Material or a Mapping, but is a CubicElasticity."
    ),
    "px.read(rve)": "Argument `path` must be a path, but is a Polycrystal.",
    "px.load_material(3)": "Argument `source` must be a path, but is an int.",
    "px.generate(rve, 'folder')": "Argument `recipe` must be a Recipe, but is a Polycrystal.",
    "px.plot.curve(rve)": (
        "Argument `response` must be a Response or a Mapping, but is a Polycrystal."
    ),
    "px.plot.curve({'a': rve})": "Argument `response` must be a Response, but is a Polycrystal.",
    "px.plot.curve([response])": (
        "Argument `response` must be a Response or a Mapping, but is a list."
    ),
    "px.plot.curve(response, ax=3)": "Argument `ax` must be an Axes, but is an int.",
    "px.plot.pole_figure(material)": (
        "Argument `crystals` must be a Polycrystal, a MaterialNetwork, a NetworkEnsemble, "
        "a Response or a Texture, but is a Material."
    ),
    "px.plot.pole_figure(rve, '111')": (
        "Argument `plane` must be an array of numbers, but is a str of <U3."
    ),
    "px.plot.ipf_map(response)": (
        "Argument `rve` must be a Polycrystal or an EbsdMap, but is a Response."
    ),
    "px.plot.volume(network)": "Argument `rve` must be a Polycrystal, but is a MaterialNetwork.",
    "px.plot.volume(rve, nested)": (
        "Argument `direction` must be an array, but its nested lists differ in length."
    ),
    "px.plot.stiffness_surface(response)": (
        "Argument `stiffness` must be an array of numbers, but is a Response."
    ),
    "px.plot.stiffness_surface([[-1.0] * 6] * 6)": (
        "Argument `stiffness` must be positive definite, but its smallest eigenvalue is -6 MPa."
    ),
    "px.estimate_odf(texture)": (
        "Argument `source` must be an array of numbers, but is a UniformTexture."
    ),
    "px.estimate_odf(rve, 3)": "Argument `phase` must be a str or None, but is an int.",
    "px.estimate_odf(rve, threshold='a')": "Argument `threshold` must be a number, but is a str.",
    "px.estimate_odf(rve, weights=[1.0])": (
        "Argument `weights` must be left out for this source, but is given."
    ),
    "px.texture_index(rve)": "Argument `texture` must be a Texture, but is a Polycrystal.",
    "px.texture_index(texture, '5')": "Argument `resolution` must be a number, but is a str.",
    "px.odf_distance(texture, rve)": "Argument `second` must be a Texture, but is a Polycrystal.",
    "px.read_pole_figures('a.txt', 'cF')": ("Argument `lattice` must be a Lattice, but is a str."),
    "px.read_pole_figures(3, px.Lattice('cF'))": (
        "Argument `paths` must be an Iterable, but is an int."
    ),
    "px.PoleFigure((1, 1, 1), [[0, 0, 1.0]], 'a', px.Lattice('cF'))": (
        "Argument `intensities` must be an array of numbers, but is a str of <U1."
    ),
    "px.PoleFigure(111, [[0, 0, 1.0]], [1.0], px.Lattice('cF'))": (
        "Argument `reflections` must be a Sequence or a Mapping, but is an int."
    ),
    "px.correct_pole_figure(texture)": (
        "Argument `figure` must be a PoleFigure, but is a UniformTexture."
    ),
    "px.invert_pole_figures(texture)": (
        "Argument `figures` must be a Sequence, but is a UniformTexture."
    ),
    "px.invert_pole_figures([rve])": (
        "Argument `figures` must be a PoleFigure, but is a Polycrystal."
    ),
    "px.pole_figure_error(None, texture)": (
        "Argument `figure` must be a PoleFigure, but is a UniformTexture."
    ),
    "px.calculate_pole_figure(texture, (1, 1, 1), [[0, 0, 1.0]], px.Lattice('cF'))": (
        "Argument `odf` must be an ODF, but is a UniformTexture."
    ),
    "px.pole_figure_error(texture, figure)": (
        "Argument `odf` must be an ODF or None, but is a UniformTexture."
    ),
    "px.ODF('a')": "Argument `centres` must be an array of numbers, but is a str of <U1.",
    "px.ODF(q, halfwidth='5')": "Argument `halfwidth` must be a number, but is a str.",
    "px.ODF(q, sample_symmetry=3)": ("Argument `sample_symmetry` must be a str, but is an int."),
    "px.ODF(q, kernel=3)": (
        "Argument `kernel` must be one of de la Vallee Poussin, von Mises-Fisher, but is 3."
    ),
    "px.ODF.from_orientations(texture)": (
        "Argument `orientations` must be an array of numbers, but is a UniformTexture."
    ),
    "px.ODF.from_orientations(q, [1e308] * 12)": (
        "Argument `weights` must be non-negative with a positive sum that is finite, "
        "but spans 1e+308 to 1e+308."
    ),
    "px.ODF.from_orientations(q, [0.0] * 12)": (
        "Argument `weights` must be non-negative with a positive sum that is finite, "
        "but spans 0 to 0."
    ),
    "px.ODF.from_orientations(q, [float('nan')] * 12)": (
        "Argument `weights` must be non-negative with a positive sum that is finite, "
        "but spans nan to nan."
    ),
    "px.ODF.from_texture(rve)": "Argument `texture` must be a Texture, but is a Polycrystal.",
    "px.ODF.from_fourier(texture)": (
        "Argument `series` must be a HarmonicSeries, but is a UniformTexture."
    ),
    "px.ODF(q).volume_fraction('cube')": (
        "Argument `orientation` must be an array of numbers, but is a str of <U4."
    ),
    "px.ODF(q).volume_fraction(fibre=3)": "Argument `fibre` must be a Sequence, but is an int.",
    "px.ODF(q).volume_fraction(fibre=('111', 'z'))": (
        "Argument `fibre` must be an array of numbers, but is a str of <U3."
    ),
    "px.ODF(q).volume_fraction(fibre=((1, 1, 1),))": (
        "Argument `fibre` must be a crystal and a sample direction, or the name of a fibre, "
        "but has 1 parts."
    ),
    "px.ODF(q).bands(samples='a')": "Argument `samples` must be a whole number, but is a str.",
    "px.ODF(q).bands(level='a')": "Argument `level` must be a number, but is a str.",
    "px.ODF(q).modes('a')": "Argument `count` must be a whole number, but is a str.",
    "px.ODF(q).modes(2, 'a')": "Argument `separation` must be a number, but is a str.",
    "px.ODF(q).fourier('a')": "Argument `bandwidth` must be a whole number, but is a str.",
    "px.ODF(q).distance(rve)": "Argument `other` must be a Texture, but is a Polycrystal.",
    "px.ODF(q).sample('a')": "Argument `n` must be a whole number, but is a str.",
    "px.ODF(q).pole_density('a', [0, 0, 1.0])": (
        "Argument `crystal` must be an array of numbers, but is a str of <U1."
    ),
    "px.pole_figure_grid('5')": "Argument `step` must be a number, but is a str.",
    "px.texture_from_orix(rve)": (
        "Argument `orientations` must be orix's orientations, with `data` and `symmetry`, "
        "but is Polycrystal."
    ),
    "px.texture_to_orix(texture)": (
        "Argument `texture` must be a DiscreteTexture, but is a UniformTexture."
    ),
    "px.write_texture(rve, 'a.tex')": "Argument `texture` must be a Texture, but is a Polycrystal.",
    "px.write_texture(rve.texture(), 'a.tex', title=3)": (
        "Argument `title` must be a str, but is an int."
    ),
    "px.write_texture(rve.texture(), 'a.tex', ellipsoid='abc')": (
        "Argument `ellipsoid` must be an array of numbers, but is a str of <U3."
    ),
    "px.DiscreteTexture(nested)": (
        "Argument `orientations` must be an array, but its nested lists differ in length."
    ),
    "px.DiscreteTexture([[1, 0, 0, 0]], rve)": (
        "Argument `weights` must be an array of numbers, but is a Polycrystal."
    ),
    "px.UnimodalTexture('cube')": (
        "Argument `orientation` must be an array of numbers, but is a str of <U4."
    ),
    "px.UnimodalTexture([1, 0, 0])": (
        "Argument `orientation` must be quaternions, four numbers each, but has shape (3,)."
    ),
    "px.FibreTexture((0, 0, 1), (1, 0, 0), '5')": (
        "Argument `halfwidth` must be a number, but is a str."
    ),
    "px.MixedTexture([texture])": (
        "Argument `components` must hold pairs of share and texture, but holds a UniformTexture."
    ),
    "px.MixedTexture([(1.0, rve)])": (
        "Argument `components` must be a Texture, but is a Polycrystal."
    ),
    "px.rolling_texture('cube')": "Argument `shares` must be a Mapping, but is a str.",
    "px.rolling_component(3)": "Argument `name` must be a str, but is an int.",
    "px.basal_texture('hP')": "Argument `lattice` must be a Lattice, but is a str.",
    "px.sample_texture_hull('1')": "Argument `count` must be a whole number, but is a str.",
    "px.tessellate(16, 20, seed='a')": (
        "Argument `seed` must be a whole number of 64 bits or a torch.Generator, but is 'a'."
    ),
    "px.tessellate(16, 20, lattice=3)": (
        "Argument `lattice` must be a Lattice, a str or None, but is an int."
    ),
    "px.tessellate(16, 20, aspect=nested)": (
        "Argument `aspect` must be an array, but its nested lists differ in length."
    ),
    "px.tessellate(16, 20, spread='a')": "Argument `spread` must be a number, but is a str.",
    "model.encode(material)": (
        "Argument `polycrystals` must be a Polycrystal or an Iterable, but is a Material."
    ),
    "model.encode([rve, material])": "Argument `rve` must be a Polycrystal, but is a Material.",
    "model.predict_stiffness(elasticity, rve)": (
        "Argument `polycrystals` must be a Polycrystal or an Iterable, but is a CubicElasticity."
    ),
    "px.predict_network(material, rve)": (
        "Argument `rve` must be a Polycrystal, but is a Material."
    ),
    "px.predict_network(rve, {'crystal': None})": (
        "Argument `material` must hold a Material for each phase, but 'crystal' is a void (None), "
        "which only full fields may have."
    ),
    "px.predict_network(rve, material, leaves=True)": (
        "Argument `leaves` must be at least 1, at most 1048576 and whole, but is True."
    ),
    "px.predict_network(rve, material, seed=True)": (
        "Argument `seed` must be a whole number, but is a bool."
    ),
    "px.FitEffort(True)": (
        "All numbers of a fit must be positive and whole, but are "
        "FitEffort(iterations=True, reference_leaves=512, reference_members=1)."
    ),
    "px.predict_network(rve, path)": (
        "Argument `material` must be a Material or a Mapping, but is a LoadPath."
    ),
    "px.predict_network(rve, material, effort=3)": (
        "Argument `effort` must be a FitEffort, but is an int."
    ),
    "model.predict_network(material)": "Argument `rve` must be a Polycrystal, but is a Material.",
    "model.predict_network(rve, material=elasticity)": (
        "Argument `material` must be a Material or None, but is a CubicElasticity."
    ),
    "model.out_of_distribution_score(material)": (
        "Argument `rve` must be a Polycrystal, but is a Material."
    ),
    "px.load_model(model)": "Argument `name` must be a path, but is a FoundationModel.",
    "px.predict(rve, material, path, accuracy='a')": (
        "Argument `accuracy` must be a number, but is a str."
    ),
    "px.compare(rve, response)": "Argument `response` must be a Response, but is a Polycrystal.",
    "px.engineering_constants(material)": (
        "Argument `stiffness` must be an array of numbers, but is a Material."
    ),
    "px.LoadPath.uniaxial(0.05, 'x')": "Argument `rate` must be a number, but is a str.",
    "px.LoadPath([1])": "Argument `steps` must be a LoadStep, but is an int.",
    "px.LoadStep(1.0, 1, nested)": (
        "Argument `deformation` must be an array, but its nested lists differ in length."
    ),
    "px.CubicElasticity('a', 1, 1)": "Argument `c11` must be a number, but is a str.",
    "px.Elasticity(nested)": (
        "Argument `voigt` must be an array, but its nested lists differ in length."
    ),
    "px.Lattice('hP', '1.6')": "Argument `c_over_a` must be a number, but is a str.",
    "px.Material(elasticity, elasticity)": (
        "Argument `name` must be a str, but is a CubicElasticity."
    ),
    "px.fit_yield_function(rve)": "Argument `points` must be a YieldPoints, but is a Polycrystal.",
    "px.fit_yield_function(px.YieldPoints.biaxial(1), starts='2')": (
        "Argument `starts` must be an int, but is a str."
    ),
    "px.YieldPoints.uniaxial('x')": (
        "Argument `angles` must be an array of numbers, but is a str of <U1."
    ),
    "px.YieldPoints.uniaxial(0, material)": (
        "Argument `yield_stress` must be an array of numbers, but is a Material."
    ),
    "px.YieldPoints.biaxial(1) + 2": "Argument `other` must be a YieldPoints, but is an int.",
    "px.Hill48('a')": "Argument `F` must be a number, but is a str.",
    "px.Yld2000([1.0] * 8)": "Argument `alpha` must be a tuple, but is a list.",
    "px.CPB06(k='a')": "Argument `k` must be a number, but is a str.",
    "px.Hill48().equivalent(nested)": (
        "Argument `stress` must be an array, but its nested lists differ in length."
    ),
    "px.Voce('a', 1, 1)": "Argument `s0` must be a number, but is a str.",
    "px.fit_hardening([0, 1], 'ab')": (
        "Argument `stress` must be an array of numbers, but is a str of <U2."
    ),
    "px.write_card('a.inp', material, px.Voce(1, 1, 1), nested)": (
        "Argument `function` must be a YieldFunction or a YieldFit, but is a Material."
    ),
    "px.write_card('a.inp', px.Hill48(), material, nested)": (
        "Argument `hardening` must be a HardeningLaw or a HardeningFit, but is a Material."
    ),
    "px.write_cards(3, px.Hill48(), px.Voce(1, 1, 1), nested)": (
        "Argument `folder` must be a path, but is an int."
    ),
    "px.simulate(rve, material, path, '1e-4')": "Argument `tol` must be a number, but is a str.",
}


def test_every_wrong_call_gets_its_sentence():
    code = f"{SETUP}for call in {list(CALLS)!r}: print(said(lambda: eval(call)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert dict(zip(CALLS, done.stdout.splitlines(), strict=True)) == CALLS


def test_the_right_type_passes():
    require_type(True, int, "n")
    with pytest.raises(ValueError, match="Argument `n` must be an int, but is a str"):
        require_type("1", int, "n")
