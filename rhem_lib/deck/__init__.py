from rhem_lib.deck.pdf import convert, is_current
from rhem_lib.deck.workbook import safe_cells
