"""What goes wrong that a person can mend.

Apart from ``records``, because what starts many times a minute refuses more often than
it needs the whole vocabulary.
"""

from __future__ import annotations


class BurnmonError(Exception):
    """Something a person can mend; its text names the file, key or flag.

    BurnmonError
    ├── ConfigError    a setting, environment variable or price file is wrong
    ├── UsageError     a command line asks for something that does not exist
    ├── LedgerError    the ledger cannot be opened, read or written
    └── HistoryError   git or a repository cannot be read
    """


class ConfigError(BurnmonError):
    """A setting is wrong; names the file and the key."""


class UsageError(BurnmonError):
    """A command line is wrong; names the flag and what it takes."""


class LedgerError(BurnmonError):
    """The ledger cannot be used; names its path and what to do."""


class HistoryError(BurnmonError):
    """A repository cannot be read; names its path, or git, and what is wrong."""
