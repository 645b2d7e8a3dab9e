"""Pictures of the README, made by the product on its sample: `make pictures` (needs LibreOffice, poppler)."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import rhem_lib as rhem
from rhem_lib import deck, plots
from rhem_lib.review import open_review

PICTURES = Path(__file__).parent / "pictures"
CLIENT, QUARTER = "Clover Credit Union", "2026Q2"
PAGES = {2: "deck-quarter", 3: "deck-minutes"}


def main() -> None:
    """Draw the decay figure and render the deck pages."""
    PICTURES.mkdir(exist_ok=True)
    work = rhem.load("data/sample")
    panel = rhem.measure(work)
    plots.decay(rhem.fit_decay(panel), panel).figure.savefig(PICTURES / "decay.png", dpi=90)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "review.pptx"
        review = open_review("data/sample", client=CLIENT, quarter=QUARTER)
        deck.write(review, made, brand=review.brand)
        own = f"-env:UserInstallation=file://{folder}/profile"
        office = ["soffice", own, "--headless", "--convert-to", "pdf", made.name]
        subprocess.run(office, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["pdftoppm", "-r", "60", "-png", "review.pdf", "page"], cwd=folder, check=True)
        pages = sorted(Path(folder).glob("page-*.png"))
        for number, name in PAGES.items():
            shutil.copy(pages[number - 1], PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
