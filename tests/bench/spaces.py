"""Two network namespaces with a path between them, for peers whose way has to be a network: the load and its client in one
(near), the site and its server in the other (far). The path is a veth pair, or a long one that loses packets (long_path.cpp).
Made and removed by the run; what a killed run left, the next one removes."""
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import threading
import time

from processes import in_space

RUN = "/run/surang-bench"
NEAR, FAR = "10.201.0.1", "10.201.0.2"
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def ip(*words, check=True):
    done = subprocess.run(["ip", *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        raise RuntimeError(f"ip {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def _names(tag):
    return f"srb{tag}-near", f"srb{tag}-far"


def _remove(tag):
    for name in _names(tag):
        if not os.path.exists(f"/run/netns/{name}"):
            continue
        for pid in ip("netns", "pids", name, check=False).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        ip("netns", "del", name, check=False)


def remove_leftovers():
    """A living run holds the lock on its file."""
    for tag in os.listdir(RUN) if os.path.isdir(RUN) else []:
        path = os.path.join(RUN, tag)
        with contextlib.suppress(BlockingIOError, FileNotFoundError), open(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(tag)
            os.unlink(path)


def inside(space, function):
    """What the function gives when its thread is in that namespace: sockets that it makes stay there."""
    given = []

    def work():
        with open(f"/run/netns/{space}") as file:
            if libc.setns(file.fileno(), CLONE_NEWNET):
                given.append(OSError(ctypes.get_errno(), f"setns to {space}"))
                return
        try:
            given.append(function())
        except Exception as why:
            given.append(why)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(given[0], Exception):
        raise given[0]
    return given[0]


class Spaces:
    host = FAR

    def __init__(self, tag):
        if os.geteuid() != 0:
            raise RuntimeError("network namespaces need root")
        self.tag = f"{os.getpid()}{tag}"
        self.near, self.far = _names(self.tag)
        os.makedirs(RUN, exist_ok=True)
        remove_leftovers()
        self.lock = open(os.path.join(RUN, self.tag), "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.path = None

    def __enter__(self):
        try:
            for name in (self.near, self.far):
                ip("netns", "add", name)
                ip("-n", name, "link", "set", "lo", "up")
                # Windows for far more than the long path holds, from the first byte: BBR takes one that grows late for the
                # path's own limit, and stays there.
                subprocess.run(in_space(name, ["sysctl", "-qw", "net.ipv4.tcp_rmem=4096 16777216 67108864",
                                               "net.ipv4.tcp_wmem=4096 4194304 67108864"]), check=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        _remove(self.tag)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(RUN, self.tag))
        self.lock.close()

    def join_by_veth(self):
        ip("-n", self.near, "link", "add", "path0", "type", "veth", "peer", "name", "path0", "netns", self.far)
        self._address()

    def join_by_long_path(self, place, **conditions):
        """`conditions`: the options of long_path."""
        program = os.path.join(place.build_dir, "tests", "bench", "long_path")
        words = [word for key, value in conditions.items() for word in (f"--{key.replace('_', '-')}", str(value))]
        self.path = place.group.start([program, self.near, "path0", self.far, "path0", *words],
                                      place.path(f"long-path-{self.tag}.log"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.path.stdout.readline() != b"ready\n":
            raise RuntimeError("long_path does not start: " + place.log(f"long-path-{self.tag}"))
        self._address()

    def _address(self):
        for space, own in ((self.near, NEAR), (self.far, FAR)):
            ip("-n", space, "addr", "add", f"{own}/24", "dev", "path0")
            ip("-n", space, "link", "set", "dev", "path0", "mtu", "1500", "txqueuelen", "10000", "up")

    def end_of_long_path(self):
        """Ends it; what it carried, lost and dropped each way."""
        self.path.stdin.close()
        said = json.loads(self.path.stdout.readline())
        self.path.wait(5)
        return said


def wait_for(condition, what, process, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            raise RuntimeError(f"{what}: ended with {process.returncode}")
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
