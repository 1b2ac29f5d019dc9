"""Generated parts of documents, between two marks that readers do not see."""

from __future__ import annotations


def marks(name: str) -> tuple[str, str]:
    """Return the two marks of a part."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def replace_part(text: str, name: str, part: str, where: str = "document") -> str:
    """Return the text with the part between its marks.

    Raises:
        ValueError: if the text does not hold the marks once each, in order.
    """
    begin, end = marks(name)
    before, first, rest = text.partition(begin)
    _, second, after = rest.partition(end)
    if not first or not second or begin in rest or end in after:
        raise ValueError(f"{where}: must hold '{begin}' and then '{end}', once each.")
    return f"{before}{begin}\n{part}\n{end}{after}"
