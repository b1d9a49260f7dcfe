"""What is installed, what each oracle can do here, and whether a campaign's store answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """Something that was looked at.

    Attributes:
        kind: `package`, `oracle`, `device`, `store`, or `contract` (see `gfnmat.oracle_check`).
        name: which one.
        works: whether it can be used here.
        required: whether gfnmat, or the campaign that was asked about, cannot do without it.
        note: version, ability, or what is wrong.
    """

    kind: str
    name: str
    works: bool
    required: bool
    note: str


def examine(campaign: Path | None = None, store: str | None = None) -> list[Finding]:
    """Looks at everything; writes nothing.

    Args:
        campaign: a campaign file: its oracles are then required, and its store is asked.
        store: a database URL that takes precedence over the campaign's.

    Raises:
        ConfigError: the campaign file cannot be used.
    """
    from gfnmat.campaign_file import load

    if campaign is None:
        return [*_packages(), *_devices(), *_oracles(set())]
    config = load(campaign)
    needed = {fidelity.oracle for fidelity in config.fidelities}
    return [*_packages(), *_devices(), *_oracles(needed), _store(campaign, store or config.store_url)]


def _packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(line) for line in requires("gfnmat") or []]
        yield Finding("package", "gfnmat", True, True, version("gfnmat"))
    except PackageNotFoundError:
        yield Finding("package", "gfnmat", False, True, "not installed; run `make install` or `pip install .`")
        return
    for requirement in requirements:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            yield Finding("package", requirement.name, False, True, f"missing; needed {requirement}")
            continue
        fits = requirement.specifier.contains(installed, prereleases=True)
        note = installed if fits else f"{installed} does not meet {requirement.specifier}"
        yield Finding("package", requirement.name, fits, True, note)


def _devices() -> Iterator[Finding]:
    try:
        import torch
    except Exception as error:  # a broken installation fails in many ways
        yield Finding("device", "cpu", False, True, f"torch cannot be imported: {error}")
        return
    yield Finding("device", "cpu", True, True, f"{torch.get_num_threads()} threads")
    for index in range(torch.cuda.device_count()):
        yield Finding("device", f"cuda:{index}", True, False, torch.cuda.get_device_name(index))
    if torch.backends.mps.is_available():
        yield Finding("device", "mps", True, False, "Apple GPU")


def _oracles(needed: set[str]) -> Iterator[Finding]:
    import oracles

    findings = oracles.doctor()
    for name, note in findings.items():
        yield Finding("oracle", name, note.startswith("ready"), name in needed, note)
    for name in sorted(needed - findings.keys()):
        yield Finding("oracle", name, False, True, f"unknown; there are {', '.join(findings)}")


def _store(campaign: Path, url: str) -> Finding:
    from sqlalchemy.engine import make_url

    from gfnmat.campaign import Campaign

    try:
        address = make_url(url)
        name = address.render_as_string(hide_password=True)
        # opening a store starts it, and a doctor leaves no trace
        if address.get_backend_name() == "sqlite" and not Path(str(address.database)).exists():
            return Finding("store", name, True, True, "not started yet")
        status = Campaign.open(campaign, store=url).status()
    except Exception as error:
        return Finding("store", campaign.name, False, True, " ".join(str(error).split()))
    measured = sum(count for counts in status.counts.values() for count in counts.values())
    return Finding("store", name, True, True, f"answers: {status.rounds_done} rounds, {measured} measurements")
