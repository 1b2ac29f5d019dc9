"""The table of results on a page, from the tables of a reproduction."""

from __future__ import annotations

from pathlib import Path

from polyxtal.files.atomic import atomic_file
from reproduction.marks import replace_part
from reproduction.paper.comparison import COMPARISON, PERCENT, read_table, shown


def results_table(results: str | Path) -> str:
    """Write the comparison as a Markdown table, cases of one quantity in one line.

    Raises:
        FileNotFoundError: if the folder holds no comparison.
    """
    rows = read_table(Path(results) / COMPARISON)
    if not rows:
        raise FileNotFoundError(
            f"{results}: must hold the {COMPARISON} of `python -m reproduction paper`, but does "
            "not."
        )
    together: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in map(shown, rows):
        together.setdefault((row["where"], row["what"]), []).append(row)
    lines = ["| | | paper | ours | best baseline |", "|---|---|---|---|---|"]
    for (where, what), cases in together.items():
        unit = " %" if cases[0]["unit"] == PERCENT else ""
        named = " / ".join(row["case"] for row in cases if row["case"])
        paper, ours, baseline = (
            " / ".join(row[name] for row in cases if row[name])
            for name in ("paper", "ours", "baseline")
        )
        by = ", ".join(dict.fromkeys(row["best baseline"] for row in cases))
        cells = (
            where,
            f"{what}; {named}" if named else what,
            paper + (unit if paper else ""),
            ours + unit,
            f"{baseline}{unit} ({by})" if baseline else "",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def with_table(results: str | Path, document: str | Path) -> tuple[str, str]:
    """Return a document's text as it is, and with the table between its two marks.

    Raises:
        FileNotFoundError: if there is no such document, or no comparison.
        ValueError: if the document does not hold the marks once each, in order.
    """
    text = Path(document).read_text(encoding="utf-8")
    return text, replace_part(text, "results", results_table(results), str(document))


def agrees(results: str | Path, document: str | Path) -> bool:
    """Tell whether a document holds the table of these results; raises as `with_table`."""
    now, new = with_table(results, document)
    return now == new


def put_table(results: str | Path, document: str | Path) -> bool:
    """Put the table into a document; return whether that changed it. Raises as `with_table`."""
    now, new = with_table(results, document)
    if now == new:
        return False
    with atomic_file(document) as temporary:
        temporary.write_text(new, encoding="utf-8")
    return True
