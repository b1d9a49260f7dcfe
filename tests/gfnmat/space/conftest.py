"""What the tests of spaces share."""

from collections.abc import Callable

import pytest
from pymatgen.core import Composition
from smact.screening import ICSD24FilterConfig, smact_validity


@pytest.fixture(scope="session")
def is_neutral() -> Callable[[str | Composition], bool]:
    """Whether SMACT, with pinned options, passes a formula."""

    def passes(formula: str | Composition) -> bool:
        return smact_validity(
            Composition(formula),
            include_alloys=False,
            check_metallicity=False,
            mixed_valence=False,
            icsd_filter=ICSD24FilterConfig(consensus=3, commonality="low"),
        )

    return passes
