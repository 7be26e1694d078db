"""Simulated time for Python programs in a container: they read the simulator's clock instead of the machine's.

Loaded by every Python through PYTHONPATH. The file named by SIMULATOR_CLOCK holds three numbers: a real time and the
simulated time at that moment, both in epoch milliseconds, and how many times faster simulated time passes.
"""

import os
import threading
import time

_path = os.environ.get("SIMULATOR_CLOCK", "")
_real_time, _real_sleep = time.time, time.sleep
_longest_nap = 0.05


def _state():
    with open(_path, encoding="ascii") as file:
        real, simulated, scale = (float(word) for word in file.read().split())
    return real / 1000, simulated / 1000, scale


def _now():
    real, simulated, scale = _state()
    return simulated + (_real_time() - real) * scale


def _sleep(seconds):
    end = _now() + seconds
    while True:
        left = end - _now()
        if left <= 0:
            return
        # Short naps: the scale may change and time may be skipped meanwhile.
        _real_sleep(min(left / _state()[2], _longest_nap))


_condition_wait = threading.Condition.wait


def _wait(self, timeout=None):
    if timeout is None:
        return _condition_wait(self)
    end = _now() + timeout
    while True:
        left = end - _now()
        if left <= 0:
            return _condition_wait(self, 0)
        if _condition_wait(self, min(left / _state()[2], _longest_nap)):
            return True


if _path:
    time.time = time.monotonic = _now
    time.sleep = _sleep
    threading.Condition.wait = _wait
