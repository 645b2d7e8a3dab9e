"""Review -> presentation (.pptx), numbers (.xlsx, .csv) and PDF.

The names load their module on first use: workers ask only for the state of a PDF, and `rhem check` for safe cells.
"""

from typing import TYPE_CHECKING

from rhem_lib.doors import lazy

if TYPE_CHECKING:
    from rhem_lib.deck.pdf import convert, forget_pdf, is_current
    from rhem_lib.deck.presentation import write
    from rhem_lib.deck.template import open_template
    from rhem_lib.deck.workbook import csv_text, write_numbers, write_tables

_MODULE = {
    "convert": "pdf",
    "csv_text": "workbook",
    "forget_pdf": "pdf",
    "is_current": "pdf",
    "open_template": "template",
    "write": "presentation",
    "write_numbers": "workbook",
    "write_tables": "workbook",
}

__all__ = [
    "convert",
    "csv_text",
    "forget_pdf",
    "is_current",
    "open_template",
    "write",
    "write_numbers",
    "write_tables",
]

__getattr__ = lazy(__name__, _MODULE)
