"""Sets the clock of a process that a test starts to the clock of the test: see `fixed_time.py`."""

import os
import sys
import time

# time_machine imports pytest if it can, which takes longer than many of these processes live.
sys.modules["pytest"] = None  # type: ignore[assignment]
import time_machine  # noqa: E402

del sys.modules["pytest"]

_now = time.time_ns() + int(os.environ["TEST_CLOCK_SHIFT_NANOSECONDS"])
time_machine.travel(_now / 1e9, tick=True).start()
time.time()  # the new clock starts with its first reading
