"""Tables and sections of docs/accuracy.md."""

import re
from pathlib import Path

import pandas as pd


def markdown(table: pd.DataFrame) -> str:
    head = [*(str(n) for n in table.index.names), *map(str, table.columns)]
    rows = [
        [*(index if isinstance(index, tuple) else (index,)), *row]
        for index, row in zip(table.index, table.values, strict=True)
    ]
    rows = [[f"{x:g}" if isinstance(x, float) else x for x in row] for row in rows]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows])


def replace_section(path: Path, lines: list[str]) -> None:
    """Put a section, which begins with a line `# ...`, in the place of its former self, or at the end."""
    title, text = lines[0], path.read_text() if path.is_file() else ""
    parts = [part for part in re.split(r"^(?=# )", text, flags=re.M) if part]
    titles = [part.splitlines()[0] for part in parts]
    new = "\n".join(lines)
    if title in titles:
        parts[titles.index(title)] = new
    else:
        parts.append(new)
    path.write_text("\n".join(part.rstrip("\n") + "\n" for part in parts))
