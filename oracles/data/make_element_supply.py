"""Writes `element_supply.csv`: price, abundance and concentration of supply of the elements.

Run by hand: `pip install mendeleev` and `python oracles/data/make_element_supply.py`. Facts as mendeleev collects them:
abundance in the earth's crust, mg/kg (CRC Handbook of Chemistry and Physics), and price, USD/kg, of the form in which
the element is traded (Wikipedia, Prices of chemical elements, of about 2020); Herfindahl-Hirschman indices of
production and reserves (Gaultois et al., Chem. Mater. 25, 2911 (2013)) as pymatgen ships them.
"""

from __future__ import annotations

import csv
from pathlib import Path

from mendeleev.fetch import fetch_table  # type: ignore[import-not-found]
from pymatgen.analysis.hhi import HHIModel
from pymatgen.core import Element

PATH = Path(__file__).with_name("element_supply.csv")


def main() -> None:
    """Write a row for each element of which anything is known."""
    table = fetch_table("elements").set_index("symbol")
    concentration = HHIModel().symbol_hhip_hhir
    with PATH.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["element", "price", "abundance", "hhi_production", "hhi_reserve"])
        for z in range(1, 119):
            symbol = Element.from_Z(z).symbol
            known = [table.price_per_kg[symbol], table.abundance_crust[symbol], *concentration.get(symbol, ("", ""))]
            row = [f"{value:g}" if isinstance(value, float) and value == value else "" for value in known]
            if any(row):
                writer.writerow([symbol, *row])


if __name__ == "__main__":
    main()
