"""What the server tells the C library about memory."""

import platform
import subprocess
import sys


def test_glibc_takes_both_limits_and_elsewhere_nothing_happens() -> None:
    # In a process of its own: the limits hold until it ends.
    program = "from imaging_assets.web.memory import keep_memory; print(keep_memory())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert told == str(sys.platform == "linux" and platform.libc_ver()[0] == "glibc")
