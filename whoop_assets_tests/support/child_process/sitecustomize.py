"""Sets the clock of a child process to the time of its test; see `fixed_time.py`."""

import os
import sys
import time

# time_machine imports pytest if available, which takes longer than many child processes run.
sys.modules["pytest"] = None  # type: ignore[assignment]
import time_machine  # noqa: E402

del sys.modules["pytest"]

_now = time.time_ns() + int(os.environ["TEST_CLOCK_SHIFT_NANOSECONDS"])
time_machine.travel(_now / 1e9, tick=True).start()
time.time()  # the first reading starts the new clock
