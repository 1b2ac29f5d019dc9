"""Write the chart and the tables into the pages that show them, or tell which are out of date."""

from __future__ import annotations

from pathlib import Path

from polyxtal.files.atomic import atomic_file
from reproduction.accuracy.chart import panel
from reproduction.accuracy.measured import FAMILIES, read_kept, read_measured
from reproduction.accuracy.tables import family_table, kept_sentence, short_table
from reproduction.marks import replace_part

RESULTS, PICTURES = Path("docs/results/ladder"), Path("docs/results/accuracy")
README, PAGE = Path("README.md"), Path("docs/accuracy.md")


def wanted(root: Path) -> dict[Path, str]:
    """Return the text of every page and picture that follows from the stored results.

    Args:
        root: Folder of the repository.
    Raises:
        FileNotFoundError: if a page or a result is missing.
        ValueError: if a page lacks the marks of a part.
    """
    measured = read_measured(root / RESULTS / "methods.csv")
    texts = {name: (root / name).read_text(encoding="utf-8") for name in (README, PAGE)}
    short = short_table(measured)
    for name in texts:
        texts[name] = replace_part(texts[name], "accuracy", short, str(name))
    page = texts[PAGE]
    for family in FAMILIES:
        page = replace_part(page, f"accuracy {family}", family_table(measured, family), str(PAGE))
    kept = kept_sentence(read_kept(root / RESULTS / "calibration.csv"))
    texts[PAGE] = replace_part(page, "accuracy bounds", kept, str(PAGE))
    for family, cases in FAMILIES.items():
        for case, title in cases.items():
            named = f"{title} ({family})" if family != "two phases" else title
            rows = [row for row in measured if row.case == case]
            texts[PICTURES / f"{case}.svg"] = panel(rows, named[0].upper() + named[1:])
    return texts


def stale(root: Path) -> list[Path]:
    """Return the files that differ from what the stored results give; raises as `wanted`."""
    return [
        name
        for name, text in wanted(root).items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text
    ]


def write_accuracy(root: Path) -> list[Path]:
    """Bring all files up to date and return those that changed; raises as `wanted`."""
    changed = stale(root)
    texts = wanted(root)
    for name in changed:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(root / name) as temporary:
            temporary.write_text(texts[name], encoding="utf-8")
    return changed
