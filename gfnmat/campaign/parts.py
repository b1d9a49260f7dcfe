"""The parts that a campaign file names: its space, and what proposes candidates."""

from __future__ import annotations

from pathlib import Path

import torch

from gfnmat.config import CampaignConfig, ConfigError
from gfnmat.proposers.pool import PoolProposer
from gfnmat.proposers.proposer import Proposer
from gfnmat.space.design_space import DesignSpace
from gfnmat.space.spaces import build_space


def space_of(config: CampaignConfig) -> DesignSpace:
    """The design space; files that it names are looked for beside the campaign file.

    Raises:
        ConfigError: such a space cannot be made.
    """
    settings = config.space.settings
    if prototype := settings.get("prototype"):
        settings["prototype"] = _beside(config, prototype)
    if path := settings.get("path"):
        settings["path"] = config.folder / Path(path).expanduser()
    try:
        return build_space(config.space.kind, **settings)
    except ValueError as error:
        raise ConfigError(f"space: {error}") from None


def _beside(config: CampaignConfig, name: str) -> str:
    """The file of this name that lies beside the campaign file, or else the name."""
    return str(beside) if (beside := config.folder / name).is_file() else name


def proposer_of(campaign: CampaignConfig, space: DesignSpace) -> Proposer:
    """What proposes candidates of the space.

    Raises:
        ConfigError: a device that is not there, a file that cannot be read, or a prior that does not fit the space.
    """
    config = campaign.proposer
    if config.kind == "random":
        from gfnmat.proposers.random import RandomProposer

        return RandomProposer(space)
    if config.kind == "evolutionary":
        from gfnmat.proposers.evolutionary import EvolutionaryProposer

        return EvolutionaryProposer(space, config.population, config.mutation, config.tournament)
    if config.kind == "pool":
        return _pool(campaign, space)
    from gfnmat.proposers.gflownet import GFlowNetProposer

    try:
        torch.empty(0, device=config.device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"proposer: device {config.device} is not on this machine ({error}); try cpu.") from None
    prior = None if config.prior is None else _beside(campaign, config.prior)
    try:
        return GFlowNetProposer(
            space,
            trajectories=config.trajectories,
            seed=campaign.seed,
            device=config.device,
            prior=prior,
            sharpness=config.sharpness,
        )
    except ValueError as error:
        raise ConfigError(f"proposer: {error}") from None


def _pool(campaign: CampaignConfig, space: DesignSpace) -> PoolProposer:
    from gfnmat.proposers.pool_file import PoolFile

    if campaign.proposer.path is None:
        if space.kind != "table":
            raise ConfigError(
                "proposer: kind pool needs a path: a CSV file with a column `formula`, or a folder of CIF files."
            )
        return PoolProposer(space.enumerate())
    try:
        file = PoolFile.of(campaign.folder / Path(campaign.proposer.path).expanduser(), space)
    except ValueError as error:
        raise ConfigError(f"proposer: {error}") from None
    return PoolProposer(file.members, file.notes)
