"""burnmon: a live burn monitor for AI coding agents, in a terminal pane."""

__version__ = "0.1.0"
