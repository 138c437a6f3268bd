"""Starting, watching and ending processes by their own pid, and what the kernel says they used."""
import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_the_runner():
    """Between fork and exec: whoever kills the run without asking leaves nothing behind."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def in_space(space, command):
    """The command in that network namespace, if it is one; the process is the program's own."""
    return ["ip", "netns", "exec", space, *command] if space else command


def wait_for_port(port, process, seconds=10, space=None):
    end = time.time() + seconds
    while time.time() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        if listens(port, space):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args[0]} does not listen on {port}")


def listens(port, space):
    if space:
        return subprocess.run(in_space(space, ["ss", "-Hltn", "sport", "=", f":{port}"]), capture_output=True,
                              check=True).stdout != b""
    with socket.socket() as s:
        s.settimeout(0.2)
        return s.connect_ex(("127.0.0.1", port)) == 0


def stat_of(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()


def family(pid):
    """The process and all below it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parents.setdefault(int(stat_of(entry)[1]), []).append(int(entry))
    out, todo = [], [pid]
    while todo:
        one = todo.pop()
        out.append(one)
        todo += parents.get(one, [])
    return out


def cpu_seconds(pid):
    """Of the process, its living descendants and those it has waited for."""
    total = 0
    for one in family(pid):
        with contextlib.suppress(OSError):
            fields = stat_of(one)
            total += sum(int(fields[i]) for i in (11, 12, 13, 14))
    return total / TICK


def memory_bytes(pid):
    """Proportional set size of the family: the resident memory, with what forked workers share counted once."""
    total = 0
    for one in family(pid):
        with contextlib.suppress(OSError), open(f"/proc/{one}/smaps_rollup") as f:
            for line in f:
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def allow_open_files(tunnels):
    """A tunnel is up to two sockets in one process; what is started here inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * tunnels + 2000
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


class Group:
    """Every process of the run; ends them all, last first, when left."""

    def __init__(self):
        self.all = []

    def __enter__(self):
        # TERM and HUP to the run unwind like Ctrl-C, so that nothing stays behind.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        return self

    def start(self, command, log, **options):
        with open(log, "ab") as out:
            process = subprocess.Popen([str(c) for c in command], stderr=out,
                                       stdin=options.pop("stdin", subprocess.DEVNULL),
                                       stdout=options.pop("stdout", out), start_new_session=True,
                                       preexec_fn=die_with_the_runner, **options)
        self.all.append(process)
        return process

    def __exit__(self, *_):
        pids = {p.pid: family(p.pid) for p in self.all}
        for process in reversed(self.all):
            for pid in pids[process.pid]:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGTERM)
        end = time.time() + 2
        for process in self.all:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.05, end - time.time()))
        for process in self.all:
            if process.poll() is None:
                process.kill()
                process.wait()
            for pid in pids[process.pid][1:]:
                with contextlib.suppress(OSError):
                    if stat_of(pid)[3] == str(process.pid):  # still of the session that we made
                        os.kill(pid, signal.SIGKILL)


def end(process):
    """One that is not needed any more, before the rest of its group."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_json(command, limit):
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, stdin=subprocess.DEVNULL,
                          preexec_fn=die_with_the_runner)
    if done.returncode != 0:
        raise RuntimeError(f"{os.path.basename(command[0])}: {done.stderr.strip()}")
    return json.loads(done.stdout)


@contextlib.contextmanager
def held(load, peer, site, tunnels):
    """Opens that many connections and keeps them; gives how many stand."""
    process = subprocess.Popen([load, "hold", "--via", peer.via, "--port", str(peer.port or site), "--target",
                                str(site), "--streams", str(tunnels)] + peer.load_arguments,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               preexec_fn=die_with_the_runner)
    try:
        said = json.loads(process.stdout.readline())
        time.sleep(1)
        yield said["held"]
    finally:
        process.stdin.close()
        process.wait(10)
        time.sleep(0.5)
