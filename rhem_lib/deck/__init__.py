"""Review -> presentation (.pptx), numbers (.xlsx, .csv) and PDF."""

from rhem_lib.deck.pdf import convert, forget_pdf, is_current
from rhem_lib.deck.presentation import write
from rhem_lib.deck.workbook import safe_cells, write_numbers

__all__ = ["convert", "forget_pdf", "is_current", "safe_cells", "write", "write_numbers"]
