"""Programs inside and outside the namespaces: started, waited for, and ended by their process ids alone."""
import concurrent.futures
import ctypes
import os
import signal
import subprocess
import time

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def end_with_the_parent(number=signal.SIGKILL):
    """The kernel sends this process the signal when its parent is gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, number)


def sh(*words, check=True, timeout=30, **options):
    """Runs to the end and returns the CompletedProcess (text)."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, errors="replace",
                          timeout=timeout, **options)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip() or done.stdout.strip()}")
    return done


class Daemon:
    """A program that stays; its output goes to a file. `stop` is safe to call twice."""

    def __init__(self, words, log, namespace=None, env=None, dies_by=signal.SIGKILL):
        """`dies_by`: the signal that it gets when its parent is gone."""
        words = [str(w) for w in words]
        if namespace:
            words = ["ip", "netns", "exec", namespace] + words
        self.log = log
        self.name = os.path.basename(words[4] if namespace else words[0])
        with open(log, "ab") as out:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            preexec_fn=lambda: end_with_the_parent(dies_by), env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def text(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def wait_for(self, words, timeout=10):
        until = time.monotonic() + timeout
        while words not in self.text():
            if not self.alive():
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.text()[-2000:]}")
            if time.monotonic() > until:
                raise RuntimeError(f"{self.name} never said '{words}': {self.text()[-2000:]}")
            time.sleep(0.02)

    def kill(self):
        if self.alive():
            self.process.kill()
        return self.process.wait()

    def stop(self, timeout=5):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


def wait_until(condition, timeout, what):
    until = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.02)


def at_once(function, *arguments):
    """The results of the calls, all made at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(arguments[0])) as pool:
        return list(pool.map(function, *arguments))
