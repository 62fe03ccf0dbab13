"""One line per check, and what they came to."""

import threading
import time
import traceback
from contextlib import contextmanager


class Report:
    def __init__(self) -> None:
        self.passed_count = 0
        self.failures: list[str] = []
        self._lock = threading.Lock()
        self._began = time.monotonic()

    @contextmanager
    def check(self, name: str):
        """Runs the body as one check; what it raises is its failure, and the next check goes on."""
        begin = time.monotonic()
        try:
            yield
        except Exception as failure:
            what = str(failure) or "expectation not met"
            place = traceback.extract_tb(failure.__traceback__)[-1]
            self._say("FAIL", f"{name}: {type(failure).__name__}: {what} ({place.name}, line {place.lineno})", begin)
            self.failures.append(name)
        else:
            self.passed_count += 1
            self._say("ok", name, begin)

    def _say(self, word: str, text: str, begin: float) -> None:
        with self._lock:
            print(f"{word:4} {text} [{time.monotonic() - begin:.2f} s]", flush=True)

    def close(self) -> int:
        """The exit code."""
        seconds = time.monotonic() - self._began
        print(f"{self.passed_count} passed, {len(self.failures)} failed, {seconds:.0f} s", flush=True)
        return 1 if self.failures or not self.passed_count else 0


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def eventually(is_so, seconds: float = 5.0) -> bool:
    """Asks until the answer is yes or time is up."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
