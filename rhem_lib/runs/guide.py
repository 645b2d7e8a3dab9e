"""The guide in a terminal: what it says of a warning, a key of rhem.toml, or a page."""

import re
from collections import defaultdict
from pathlib import Path

from rhem_lib.errors import one_of

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel carries docs/guide inside the package; a checkout has it beside it.
GUIDE = next((p for p in (_PACKAGE / "guide", _PACKAGE.parent / "docs" / "guide") if p.is_dir()), _PACKAGE)


def topics() -> dict[str, list[str]]:
    """Return what the guide says, by topic: pages, headings and the keys of tables."""
    found = defaultdict(list)
    for page in sorted(GUIDE.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if page.stem != "index":
            found[page.stem].append(text)
        for section in re.split(r"^(?=##)", text, flags=re.M)[1:]:
            head = section.splitlines()[0].lstrip("# ")
            found[head.strip("[]").lower()].append(section)
            for key, cells in re.findall(r"^\| `([^`|]+)` \|(.*)\|$", section, flags=re.M):
                about = " · ".join(filter(None, map(str.strip, cells.split(" | "))))
                for name in {key, key.rpartition(".")[2]}:
                    found[name].append(f"{head}, {key}: {about}")
    return dict(found)


def help_on(topic: str) -> str:
    """Return what the guide says of a topic.

    Raises
    ------
    ParameterError
        There is no such topic; the nearest is named.

    Examples
    --------
    >>> help_on("decimal").splitlines()[0]
    '[[files]], decimal: `,`, `.` · `,` or `.`, where no number of the file tells.'
    """
    known = topics()
    return "\n\n".join(text.strip() for text in known[one_of(topic.lower(), known, "TOPIC")])
