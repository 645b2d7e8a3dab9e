"""Review -> presentation (.pptx), numbers (.xlsx, .csv) and PDF."""

from rhem_lib.deck.pdf import convert, forget_pdf, is_current
from rhem_lib.deck.presentation import write
from rhem_lib.deck.template import open_template
from rhem_lib.deck.workbook import csv_text, write_numbers

__all__ = ["convert", "csv_text", "forget_pdf", "is_current", "open_template", "write", "write_numbers"]
