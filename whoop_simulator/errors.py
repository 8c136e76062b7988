"""Errors of the simulator. Each message is one sentence with the thing, the reason and the way out."""


class SimulatorError(Exception):
    """An option, a data file or a request to the control API is invalid."""


class UnknownRecord(SimulatorError):
    """A member, stream or record does not exist."""
