"""Run a module as `python -m` does, and write its peak memory in bytes to a file.

    python -m benchmarks.peak FILE MODULE [ARGUMENT ...]

The process measures itself, because the value that its parent gets (getrusage) includes the parent's size.
"""

import resource
import runpy
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak() -> int:
    """The peak memory of this process, in bytes."""
    if _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    report, module = Path(sys.argv[1]), sys.argv[2]
    sys.argv = sys.argv[2:]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        report.write_text(str(peak()))
