"""A model to hand on: weights in half precision, and a card with what was measured of it.

Every number of the card comes from the pretraining's own record and from the files that
`python -m reproduction reconstruction` and `python -m reproduction probe` wrote for these very
weights.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from polyxtal.files.bounded import read_bounded
from polyxtal.files.output_folder import OutputFolder, whole_folder
from polyxtal.model.checkpoint import CARD, CONFIG, SHARDS, WEIGHTS, read_model, save_model
from polyxtal.training.pretrain.recorder import CURVE, MODEL, load_curve
from reproduction.probing import write as write_probing
from reproduction.reconstruction import write as write_reconstruction

OUTPUT = OutputFolder("model", (CONFIG, WEIGHTS, SHARDS, CARD, CURVE))
MAX_RESULT = 16 << 20
FEATURE_NAMES = {
    "quaternion": "unit quaternions in the fundamental zone (the paper's inputs)",
    "harmonic": "the nine cubic harmonics of degree 4, the same for all copies of a crystal",
    "harmonic6": "the cubic harmonics of degree 4 and 6, the same for all copies of a crystal",
    "crystal": "harmonics of the cubic, hexagonal or tetragonal crystal there, the same for all "
    "its copies, and whether it is of the second phase",
}
LOSS_NAMES = {
    "plain": "mean squared error (the paper's)",
    "symmetric": "squared distance from the closest copy of the true quaternion",
    "distance": "distance from the truth, for quaternions from its closest copy",
}


def release_model(
    pretraining: str | Path,
    folder: str | Path,
    *,
    reconstruction: str | Path | None = None,
    probe: str | Path | None = None,
    shard_bytes: int | None = None,
    force: bool = False,
) -> Path:
    """Write weights in half precision, `config.json`, the curve and the card, or nothing.

    Args:
        pretraining: Folder that `polyxtal pretrain` wrote.
        folder: Where to; its name becomes the model's.
        reconstruction: Folder of `python -m reproduction reconstruction` of this model.
        probe: Folder of `python -m reproduction probe` of this model.
        shard_bytes: Largest file of weights, which are then bfloat16 (default: one file of
            float16). [bytes]
        force: Replace a model that is there.
    Returns:
        The card.
    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a result is damaged or of other weights.
    """
    source = Path(pretraining)
    model, about = read_model(source / MODEL)
    weights = hashlib.sha256((source / MODEL / WEIGHTS).read_bytes()).hexdigest()
    results = {}
    for name, where, file in (
        ("reconstruction", reconstruction, write_reconstruction.SUMMARY),
        ("probe", probe, write_probing.SUMMARY),
    ):
        if where is not None:
            results[name] = _result(Path(where) / file, weights)
    kept = {k: v for k, v in about.items() if k not in ("format", "format_version", "polyxtal")}
    target = OUTPUT.check(folder, force)
    curve = load_curve(source) if (source / CURVE).is_file() else []
    precision = torch.float16 if shard_bytes is None else torch.bfloat16
    text = "\n".join(_card(target.name, kept, results, curve)) + "\n"
    with whole_folder(target) as temporary:
        save_model(temporary, model, {**kept, "results": results}, precision, shard_bytes)
        (temporary / CARD).write_text(text, encoding="utf-8")
        if curve:
            shutil.copyfile(source / CURVE, temporary / CURVE)
    return Path(folder) / CARD


def _result(path: Path, weights: str) -> dict[str, Any]:
    """Read a study's summary; it must be of these weights."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: a study of the model must be there, but is not.")
    try:
        found = json.loads(read_bounded(path, MAX_RESULT))
        of = found["model"]["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: must be a study of a model, but can not be read.") from error
    if of != weights:
        raise ValueError(f"{path}: must be a study of these weights, but is of others.")
    found["model"].pop("name", None)
    return found


def _card(
    name: str,
    about: Mapping[str, Any],
    results: Mapping[str, Any],
    curve: Sequence[Mapping[str, float]],
) -> Iterator[str]:
    given, model = about["pretraining"], about["model"]
    yield f"# {name}"
    yield ""
    yield (
        f"Masked autoencoder of polycrystals: {model['voxels']}³ voxels in patches of "
        f"{model['patch']}³. Each voxel holds {FEATURE_NAMES[model['features']]}."
    )
    if model.get("target"):
        yield f"Hidden patches are rebuilt as {FEATURE_NAMES[model['target']]}."
    yield ""
    yield "```python"
    yield "import polyxtal as px"
    yield ""
    yield f'model = px.load_model("{name}")'
    yield f"latent = model.encode(rve)    # [CLS], {model['width']} numbers; any grid"
    yield "```"
    yield ""
    yield "## Data and training"
    yield ""
    yield "| | |"
    yield "|---|---|"
    rows = {
        **_volumes(given),
        "hidden patches": f"{100 * given['mask']:g} %",
        "loss": LOSS_NAMES[given["loss"]],
        "weight of the volume's description by [CLS]": f"{given['summary']:g}",
        "optimiser": f"{given['optimiser']}, rate {given['rate'] * given['batch'] / 256:g}, "
        f"warm-up {given['warmup']} steps, cosine; {given['precision']}",
        "steps, RVEs seen": f"{about['steps_done']} of {given['steps']}, {about['rves_seen']:,} "
        "(none twice)",
        "seed": str(given["seed"]),
        "cost": f"{about['seconds'] / 3600:.2f} hours of wall time",
    }
    for earlier in about.get("lineage", []):
        before, hours = earlier["pretraining"], earlier["seconds"] / 3600
        rows["begun from a model of"] = (
            f"{earlier['steps_done']} steps, {earlier['rves_seen']:,} RVEs, seed {before['seed']}, "
            f"rate {before['rate'] * before['batch'] / 256:g}, {hours:.2f} hours"
        )
    validated = [row for row in curve if "validation_loss" in row]
    if validated:
        rows["validation loss, first and last"] = (
            f"{validated[0]['validation_loss']:.4f} after {validated[0]['rves']:,.0f} RVEs, "
            f"{validated[-1]['validation_loss']:.4f} after {validated[-1]['rves']:,.0f}"
        )
    for key, value in rows.items():
        yield f"| {key} | {value} |"
    if "reconstruction" in results:
        yield from _reconstruction(results["reconstruction"])
    if "probe" in results:
        yield from _probe(results["probe"])
    yield ""
    yield "Weights are stored in half precision; the tables above are of the single-precision ones."


def _volumes(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what the volumes of a pretraining are like."""
    rows = {}
    if given.get("data"):
        own = given["data"]
        rows["own volumes"] = (
            f"{100 * own['share']:g} %, validated on {100 * own['validation']:g} %"
        )
    varied = given.get("variety")
    if varied is None and given.get("data"):
        return rows
    source = varied or given
    if varied:
        share = sum(one["share"] for one in varied["crystals"])
        for one in varied["crystals"]:
            rows[f"{one['laue']} crystals"] = (
                f"{100 * one['share'] / share:.0f} %; textures: {_texture(one['texture'])}"
            )
        (low, high), (even, uneven) = varied["diameter"], varied["spread"]
        rows["mean grain diameter"] = f"{low:g} to {high:g} voxels"
        rows["spread of ln radius"] = f"{even:g} to {uneven:g}"
        rows["with a second phase"] = f"{100 * varied['second_phase']:g} %"
    else:
        low, high = given["grains"]
        rows["textures"] = _texture(given["texture"])
        rows["grains in an RVE"] = f"{low} to {high}"
    rows["aspect along x, y, z"] = ", ".join(f"{a:g} to {b:g}" for a, b in source["aspect"])
    return rows


def _texture(texture: Mapping[str, Any]) -> str:
    if texture["kind"] == "choice":
        return ", ".join(f"{100 * share:g} % {part['kind']}" for share, part in texture["of"])
    return json.dumps(texture).strip("{}").replace('"', "")


def _reconstruction(found: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"## Hidden patches of {found['rves']} unseen RVEs, {100 * found['mask']:g} % hidden"
    yield ""
    yield "| predictor | mean squared error | mean disorientation |"
    yield "|---|---|---|"
    for name, row in found["judged"].items():
        yield f"| {name} | {row['loss']:.5f} | {row['degrees']:.2f}° |"
    yield ""
    yield "*Snapped*: each voxel takes the closest of the crystals visible around its patch."
    yield f"`{found['command']}`"


def _probe(found: Mapping[str, Any]) -> Iterator[str]:
    scores = found["r_squared"]
    groups = list(next(iter(next(iter(scores.values())).values())))
    yield ""
    yield "## What ridge regressions read off frozen features: R²"
    yield ""
    yield (
        f"Mean over {found['draws']} draws of the labels, judged on {found['test']} other RVEs; "
        "stiffness: mean of C11, C22 and C33. The same data for all rows."
    )
    for count in next(iter(scores.values())):
        yield ""
        yield f"| {count} labels | " + " | ".join(groups) + " |"
        yield "|---" * (len(groups) + 1) + "|"
        for name, by_count in scores.items():
            values = (f"{by_count[count][group]:.3f}" for group in groups)
            yield f"| {name} | " + " | ".join(values) + " |"
    yield ""
    yield f"`{found['command']}`"
