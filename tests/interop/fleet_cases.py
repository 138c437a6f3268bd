"""Two bridges behind one edge, by the shipped configurations: one is stopped under load, comes back, and is killed."""
import os
import shutil
import subprocess
import time

import edge_programs as programs
from cases import expect
from edge_rig import Bridge, front, listener
from far import Load, download, echo, upload
from lab.ports import free_port
from lab.processes import wait_until
from shipped import FOLDER, changed

EDGES = {"nginx": programs.NginxFleet, "HAProxy": programs.HaproxyFleet}
DRAIN_LIMIT = 30  # s, of the bridge's


class Member:
    """A client through the edge, and the bridge that has its session."""

    def __init__(self, fleet):
        self.fleet = fleet
        before = fleet.counts("fronted_sessions")
        self.proxy = fleet.rig.client_to(fleet.edge.port, 0, fleet.bridges[0])
        echo(self.proxy, fleet.rig.far.port)
        grown = [n for n, (old, new) in enumerate(zip(before, fleet.counts("fronted_sessions"))) if new > old]
        expect(len(grown) == 1, f"one session has begun at {len(grown)} bridges")
        self.at = grown[0]


class Fleet:
    """The lane of an edge's cases; keys and users come to the second bridge as the guide says."""

    def __init__(self, rig, name):
        self.rig, self.name = rig, name

    def __enter__(self):
        rig, block = self.rig, self.rig.guide.block
        self.directory = rig.file("given " + self.name)
        os.makedirs(self.directory)
        shutil.copy(os.path.join(FOLDER, "users.sql"), self.directory)
        lines = block("One bridge", "[[listen]]")
        self.bridges = [Bridge(rig, f"fleet-{self.name}-{number}", user) for number, user in ((1, rig.USER), (2, "another"))]
        self.ports = [free_port(), free_port()]
        for bridge, port in zip(self.bridges, self.ports):
            bridge.configure(listener(lines, port), front(lines, 443))
        first, second = (bridge.state for bridge in self.bridges)
        for command, state in ((block("Several", "cp "), first), (block("Several", "install "), second),
                               (block("Several", "sqlite3 /var/lib/surang/bridge/users.db \".backup"), first),
                               (block("Several", "sqlite3 /var/lib/surang/bridge/users.db <"), second)):
            self.shell(command, state)
        for bridge in self.bridges:
            bridge.start()
        self.edge = EDGES[self.name](rig, f"fleet {self.name}", self.ports)
        self.edge.start()
        return self

    def __exit__(self, *_):
        self.edge.stop()
        for bridge in self.bridges:
            bridge.daemon.kill()

    def shell(self, command, state):
        """What the guide says to do with a bridge's state folder."""
        text = changed(command, ("/var/lib/surang/bridge/", state + "/"))
        done = subprocess.run(["bash", "-ec", text], cwd=self.directory, capture_output=True, text=True, timeout=30)
        expect(done.returncode == 0, f"{text.strip()}: {done.stderr}")

    def counts(self, what):
        return [bridge.status().get(what, 0) for bridge in self.bridges]

    def members(self, least):
        """Clients, so many at least at each bridge."""
        made = []
        while any(sum(one.at == number for one in made) < least for number in (0, 1)):
            expect(len(made) < 24, f"{len(made)} sessions, all at {sorted({one.at for one in made})}")
            made.append(Member(self))
        return made


def spread(fleet):
    """Sessions begin at both, and each is found by all of its requests."""
    fleet.clients = fleet.members(2)
    lost = fleet.counts("fronted_lost")
    for one in fleet.clients:
        download(one.proxy, fleet.rig.far.port, 5_000_000)
        upload(one.proxy, fleet.rig.far.port, 3_000_000)
    expect(fleet.counts("fronted_lost") == lost or fleet.name == "nginx", f"asked at the wrong bridge: {fleet.counts('fronted_lost')}")
    at = [sum(one.at == number for one in fleet.clients) for number in (0, 1)]
    return f"{at[0]} and {at[1]} sessions"


def users_follow(fleet):
    """Who is let in at one bridge is let in at the other when the guide's lines have been run, without a restart."""
    rig, (first, second) = fleet.rig, fleet.bridges
    for command in (["user", "add", "later"], ["user", "list"]):
        subprocess.run([first.binary, "--config", first.config, *command], check=True, capture_output=True, timeout=30)
    for command, state in (("sqlite3 /var/lib/surang/bridge/users.db \".backup", first.state),
                           ("sqlite3 /var/lib/surang/bridge/users.db <", second.state)):
        fleet.shell(rig.guide.block("Several", command), state)
    wait_until(lambda: fleet.counts("users") == [2, 2], 10, f"the same users at both: {fleet.counts('users')}")
    # Whom the second had before is no user any more.
    listed = subprocess.run([second.binary, "--config", second.config, "user", "list"], capture_output=True, text=True).stdout
    expect("later" in listed and "another" not in listed, listed)


def drained(fleet):
    """One is told to stop while both are busy: whatever ends in time ends well, and new sessions begin at the other."""
    rig, seconds = fleet.rig, 8
    loads = [Load(one.proxy, rig.far.port) for one in fleet.clients]
    for load in loads:
        load.begin(download, 8_000_000, seconds)
        load.begin(upload, 4_000_000, seconds)
    time.sleep(2)
    stopped = fleet.bridges[0].daemon
    stopped.process.terminate()
    began = time.monotonic()
    time.sleep(0.3)
    # A client that comes now, which the hash may send to either.
    late = [Member(fleet) for _ in range(3)]
    expect(all(one.at == 1 for one in late), "a session has begun at a bridge that stops")
    longest = max(load.end(seconds + 30) for load in loads)
    wait_until(lambda: not stopped.alive(), DRAIN_LIMIT + 5, "the bridge ends")
    expect(stopped.process.returncode == 0, f"exit {stopped.process.returncode}")
    took = time.monotonic() - began
    for one in (*fleet.clients, *late):
        began = time.monotonic()
        download(one.proxy, rig.far.port, 1_000_000)
        expect(time.monotonic() - began < 10, "slow after it")
    fleet.clients += late
    return f"gone after {took:.1f} s, longest wait for a new connection {longest:.1f} s"


def back(fleet):
    """It comes back while the other is busy with sessions that the hash may mean for it: they stay, and new ones come."""
    rig = fleet.rig
    sessions = sum(fleet.counts("fronted_sessions"))
    loads = [Load(one.proxy, rig.far.port) for one in fleet.clients]
    for load in loads:
        load.begin(download, 5_000_000, 5)
        load.begin(upload, 2_000_000, 5)
    time.sleep(1)
    fleet.bridges[0].start()
    for load in loads:
        load.end(60)
    anew = sum(fleet.counts("fronted_sessions")) - sessions
    fleet.clients += fleet.members(2)
    return f"{anew} sessions made anew meanwhile"


def killed(fleet):
    """Its connections break, those of the other do not, and new ones work at once."""
    rig = fleet.rig
    members = fleet.members(1)
    fleet.clients += members
    of_other = [one for one in members if one.at == 1]
    of_killed = [one for one in members if one.at == 0]
    loads = [Load(one.proxy, rig.far.port) for one in of_other]
    for load in loads:
        load.begin(download, 6_000_000, 6)
        load.begin(upload, 3_000_000, 6)
    broken = [Load(one.proxy, rig.far.port) for one in of_killed]
    for load in broken:
        load.begin(download, 6_000_000, 6)
    time.sleep(2)
    fleet.bridges[0].daemon.kill()
    began = time.monotonic()
    for one in of_killed:
        wait_until(lambda: reaches(one.proxy, rig.far.port), 10, "a new connection works")
    took = time.monotonic() - began
    for load in loads:
        load.end(60)
    for load in broken:
        try:
            load.end(60)
        except AssertionError:
            continue
        expect(False, "a download outlived its bridge")
    return f"new connections after {took:.1f} s"


def reaches(proxy, port):
    try:
        echo(proxy, port, 5)
        return True
    except (OSError, EOFError):
        return False


def one_database(fleet):
    """Two bridges of one machine with one database, as the guide makes it."""
    rig, second = fleet.rig, fleet.bridges[1]
    for one in fleet.clients:
        rig.clients[one.proxy].stop()
    second.daemon.kill()
    fleet.shell(changed(rig.guide.block("Several", "ln "), ("/var/lib/surang/bridge2/", second.state + "/")),
                fleet.bridges[0].state)
    fleet.bridges[0].start()
    second.start()
    subprocess.run([second.binary, "--config", second.config, "user", "add", "shared"], check=True, capture_output=True,
                   timeout=30)
    wait_until(lambda: fleet.counts("users") == [3, 3], 10, f"the same users at both: {fleet.counts('users')}")
    for one in fleet.members(1):
        download(one.proxy, rig.far.port, 1_000_000)


CASES = [("sessions at both bridges", spread), ("users of one come to the other", users_follow),
         ("one is stopped under load", drained), ("it comes back under load", back), ("it is killed under load", killed),
         ("two bridges with one database", one_database)]


def lanes(rig):
    """[(lane, cases)]"""
    return [(Fleet(rig, name), [(f"fleet behind {name}: {what}", function) for what, function in CASES]) for name in EDGES]
