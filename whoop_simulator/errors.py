"""What the simulator refuses from the one who runs it: one sentence with the thing, the reason and the way out."""


class SimulatorError(Exception):
    """Bad options, data files, or orders to the control API."""


class UnknownRecord(SimulatorError):
    """A member, stream or record that is not there."""
