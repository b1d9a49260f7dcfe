"""What commands have in common: their arguments, and how a campaign is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gfnmat.campaign import Campaign

CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN.yaml", help="The campaign file.", show_default=False)]
StoreUrl = Annotated[str | None, typer.Option("--store", metavar="URL", help="Database, instead of the file's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def open_campaign(file: Path, store: str | None) -> Campaign:
    """The campaign of a file, in its own or in another store."""
    from gfnmat.campaign_file import load

    load(file)  # so that a mistake in it is told at once, before libraries that take seconds
    from gfnmat.campaign import Campaign

    return Campaign.open(file, store=store)
