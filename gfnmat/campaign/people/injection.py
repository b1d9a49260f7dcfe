"""Texts in tables of comma-separated values that no spreadsheet takes for a formula.

A cell that begins with one of these signs is computed by a spreadsheet that opens the file, whoever wrote it. An
apostrophe before it makes it text; one is put before an apostrophe too, so that taking it off gives the text back.
"""

from __future__ import annotations

SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")


def guarded(text: str) -> str:
    """The text with an apostrophe before it, if it needs one."""
    return f"'{text}" if text.startswith((*SIGNS, "'")) else text


def unguarded(text: str) -> str:
    """The text without the apostrophe that `guarded` put before it."""
    return text[1:] if text.startswith("'") and text[1:].startswith((*SIGNS, "'")) else text
