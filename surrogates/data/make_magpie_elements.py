"""Write `magpie_elements.csv`: the 22 Magpie properties of elements 1 to 118, as matminer's preset reads them.

    python surrogates/data/make_magpie_elements.py

The numbers are those of `ElementProperty.from_preset("magpie")` in the installed matminer, with its default
`impute_nan=True`: a property that Magpie's tables lack for an element (all of them for most elements beyond
uranium) is the mean of that property over the elements that have it. `repr` is written, so that reading the file gives
the same floats. The source of the tables is L. Ward et al., npj Comput. Mater. 2 (2016) 16028.
"""

import csv
from pathlib import Path

from matminer.featurizers.composition import ElementProperty
from pymatgen.core import Element

TABLE = Path(__file__).with_name("magpie_elements.csv")


def main() -> None:
    """Overwrite the table beside this script."""
    preset = ElementProperty.from_preset("magpie")
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["element", *preset.features])
        for number in range(1, 119):
            element = Element.from_Z(number)
            values = [preset.data_source.get_elemental_property(element, name) for name in preset.features]
            writer.writerow([element.symbol, *(repr(float(value)) for value in values)])


if __name__ == "__main__":
    main()
