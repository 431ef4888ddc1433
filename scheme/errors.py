"""Every fault this project raises on purpose, in one tree.

    JakartaOneError
    +-- BadInputError (ValueError)      a user's file, flag or name is wrong: exit 2
    |   +-- ScenarioError               a scenario file
    |   +-- TariffError                 a tariff file
    |   +-- InventoryError              a name that is not in a rack, a registry or a list
    |   +-- RecordError                 bytes that are no record, state or batch of ours
    +-- EnvironmentFaultError (OSError) the machine said no: port, disk, database version: exit 3
    |   +-- ReaderError                 a reader, a card link or a bench part
    |   |   +-- CardGoneError           no card in the field, or it left before it was heard
    |   +-- StoreError                  a database or a run directory
    |   +-- TargetError                 a back office under test did not answer as its contract says
    +-- RunInvalidError                 the run could not be judged: exit 4
    +-- PurseRefusedError               a card answered with a status word that ends the dialogue

Refusals that happen daily are values (`scheme.verdicts.Verdict`), and our own bugs are asserts.
A message says what failed, where, what was expected, what came, and what to do.
"""

from __future__ import annotations


class JakartaOneError(Exception):
    """Anything this project raises on purpose."""


class BadInputError(JakartaOneError, ValueError):
    """A user's file, flag or name is wrong; nothing was written."""

    @classmethod
    def at(cls, where: str, *, expected: str, got: object) -> BadInputError:
        """Return the error in the one form that every boundary uses."""
        return cls(f"{where}: expected {expected}, got {got}")


class ScenarioError(BadInputError):
    """A scenario file says something it may not say."""


class TariffError(BadInputError):
    """A tariff file holds a row that the closed rule kinds do not cover."""


class InventoryError(BadInputError):
    """A name is not in the rack, registry or list where it was looked up."""


class RecordError(BadInputError):
    """Bytes are not a record, a state or a batch of this scheme."""


class EnvironmentFaultError(JakartaOneError, OSError):
    """The machine could not do it: a port, a disk, a database of another version."""


class ReaderError(EnvironmentFaultError):
    """A reader, a card link or another part of the bench failed."""


class CardGoneError(ReaderError):
    """There is no card in the field, or it left before its answer was heard."""


class StoreError(EnvironmentFaultError):
    """A database or a run directory could not be opened or written."""


class TargetError(EnvironmentFaultError):
    """A back office under test did not answer as its contract says."""


class RunInvalidError(JakartaOneError):
    """The run took place but cannot be judged, so it neither passed nor failed."""


class PurseRefusedError(JakartaOneError):
    """A card or a SAM ended the dialogue with a status word.

    Attributes:
        sw: The status word, for example 0x6985.
    """

    def __init__(self, message: str, sw: int) -> None:
        super().__init__(message)
        self.sw = sw
