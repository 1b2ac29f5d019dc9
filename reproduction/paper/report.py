"""One HTML file with all tables and pictures in it, to be read anywhere."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from polyxtal.files.atomic import atomic_file
from reproduction.paper.comparison import COMPARISON, PERCENT, digits, read_table, shown

REPORT = "report.html"
LONGEST = 60
"""Rows of a table that are shown; the whole table is in its file."""
STYLE = Path(__file__).with_name("report.css")


def write_report(results: Path, about: Mapping[str, Any], steps: Mapping[str, Any]) -> Path:
    """Write the report of all finished steps."""
    text = "\n".join(_page(results, about, steps)) + "\n"
    with atomic_file(results / REPORT) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return results / REPORT


def _page(results: Path, about: Mapping[str, Any], steps: Mapping[str, Any]) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield "<title>Reproducing the paper with polyxtal</title>"
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<style>{STYLE.read_text(encoding='utf-8')}</style></head><body>"
    yield "<h1>Reproducing Foundation Model for Polycrystalline Material Informatics</h1>"
    yield f"<p>Every number of ours was computed by <code>{_text(about['command'])}</code>"
    yield f" with {_text(', '.join(f'{k} {v}' for k, v in about['versions'].items()))}"
    seconds = sum(one["seconds"] for one in about["steps"].values())
    yield f" in {_time(seconds)} on {about['machine']['cores']} cores; `study.json` beside this"
    yield " file holds all sizes and seeds.</p>"
    if about["unfinished"]:
        yield f"<p><b>Not finished: {_text(', '.join(about['unfinished']))}.</b></p>"
    yield "<h2>Paper, ours, best baseline</h2>"
    yield '<p class="note">A baseline learns nothing from other polycrystals. Where one is better '
    yield "than ours, the row is shaded. Where the paper's text gives no number, its column is "
    yield f"empty. From <a href='{COMPARISON}'>{COMPARISON}</a>.</p>"
    yield from _comparison(read_table(results / COMPARISON))
    for name, step in steps.items():
        yield f"<h2 id='{name}'>{_text(step['title'])}</h2>"
        for remark in step["remarks"]:
            yield f"<p>{_text(remark)}</p>"
        for file, caption in step["pictures"].items():
            data = base64.b64encode((results / name / file).read_bytes()).decode()
            yield f'<figure><img alt="{_text(caption)}" src="data:image/png;base64,{data}">'
            yield f"<figcaption>{_text(caption)}</figcaption></figure>"
        for file, caption in step["tables"].items():
            yield from _table(results / name / file, f"{name}/{file}", caption)
        parts = "".join(f"<br><code>{_text(command)}</code>" for command in step["commands"])
        alone = f" Its parts one by one:{parts}" if parts else ""
        yield f'<p class="note">Took {_time(step["seconds"])}.{alone}</p>'
    yield "</body></html>"


def _comparison(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    header = ("where", "what", "", "paper", "ours", "best baseline", "", "table")
    yield f"<div class='wide'><table><tr>{_cells(header, 'th')}</tr>"
    for row in map(shown, rows):
        unit = " %" if row["unit"] == PERCENT else ""
        values = [f"{row[k]}{unit}" if row[k] else "" for k in ("paper", "ours", "baseline")]
        lost = " class='lost'" if _lost(row) else ""
        first = _cells((row["where"], row["what"], row["case"]))
        numbers = _cells(values, "td", "n")
        last = _cells((row["best baseline"], row["source"]))
        yield f"<tr{lost}>{first}{numbers}{last}</tr>"
    yield "</table></div>"


def _lost(row: Mapping[str, str]) -> bool:
    """Tell whether the baseline is better: R² should be large, errors small."""
    if not row["baseline"]:
        return False
    ours, theirs = float(row["ours"]), float(row["baseline"])
    return theirs > ours if "R²" in row["what"] else theirs < ours


def _table(path: Path, shown_as: str, caption: str) -> Iterator[str]:
    rows = read_table(path)
    link = f"<a href='{_text(shown_as)}'>{_text(shown_as)}</a>"
    if not rows:
        return
    if len(rows) > LONGEST:
        yield f'<p class="note">{_text(caption)} {len(rows)} rows in {link}.</p>'
        return
    yield f'<p class="note">{_text(caption)} From {link}.</p>'
    yield f"<div class='wide'><table><tr>{_cells(rows[0], 'th')}</tr>"
    for row in rows:
        cells = "".join(
            f"<td class='n'>{digits(float(value), 4)}</td>"
            if _is_number(value)
            else f"<td>{_text(value)}</td>"
            for value in row.values()
        )
        yield f"<tr>{cells}</tr>"
    yield "</table></div>"


def _cells(values: Iterable[str], tag: str = "td", kind: str = "") -> str:
    opened = f"{tag} class='{kind}'" if kind else tag
    return "".join(f"<{opened}>{_text(value)}</{tag}>" for value in values)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _text(value: Any) -> str:
    return html.escape(str(value), quote=True)
