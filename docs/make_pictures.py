"""Pictures of the README, made by the product on its sample: `make pictures` (needs LibreOffice, poppler)."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import rhem_lib as rhem
from rhem_lib.deck import convert, write
from rhem_lib.review import open_review

PICTURES = Path(__file__).parent / "pictures"
CLIENT, QUARTER = "Clover Credit Union", "2026Q2"
SLIDES = 8


def main() -> None:
    """Draw the decay figure and render the deck pages."""
    PICTURES.mkdir(exist_ok=True)
    work = rhem.load("data/sample")
    panel = rhem.measure(work)
    rhem.figures.decay(rhem.fit_decay(panel), panel).figure.savefig(PICTURES / "decay.png", dpi=90)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "review.pptx"
        review = open_review("data/sample", client=CLIENT, quarter=QUARTER)
        write(review, made, brand=review.brand)
        convert([made])
        size = ["-r", "36", "-l", str(SLIDES), "-png"]
        subprocess.run(["pdftoppm", *size, "review.pdf", "page"], cwd=folder, check=True)
        for number, page in enumerate(sorted(Path(folder).glob("page-*.png")), 1):
            shutil.copy(page, PICTURES / f"deck-{number:02}.png")


if __name__ == "__main__":
    main()
