"""Reports: what one or several campaigns found, as tables, figures and one self-contained page."""
