"""A connection by which nothing is said for an hour, through nginx with the timeouts it is installed with (60 s). The clocks of
nginx, the bridge and the client run faster (fast_clock.cpp), so that all their timeouts keep their proportions."""
import os
import select
import subprocess
import time

import edge_programs as programs
from cases import expect
from edge_rig import Bridge, front, listener
from far import download, open_by
from lab.ports import free_port
from obfs4_rig import receive

SPEED = 12  # a filler comes 20 s before nginx would cut: 1.7 s here


def fast_clock(rig):
    """The environment of programs whose clocks run faster and agree."""
    library = rig.file("fast_clock.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fast_clock.cpp")
    subprocess.run(["c++", "-std=c++20", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True,
                   capture_output=True, timeout=60)
    return {"LD_PRELOAD": library, "FAST_CLOCK": str(SPEED), "FAST_CLOCK_BASE": str(int(time.time())),
            "ASAN_OPTIONS": "verify_asan_link_order=0"}


def idle(lane):
    rig = lane.rig
    minutes = 60 if rig.full else 4
    variables = fast_clock(rig)
    bridge, port = Bridge(rig, "idle-bridge", rig.USER), free_port()
    lines = rig.guide.block("One bridge", "[[listen]]")
    bridge.configure(listener(lines, port), front(lines, 443))
    bridge.start(**variables)
    edge = programs.NginxAsInstalled(rig, "idle nginx", [port])
    edge.variables = variables
    edge.start()
    proxy = rig.client_to(edge.port, 0, bridge, **variables)
    with open_by(proxy, rig.far.port) as sock:
        sock.sendall(b"ec")
        began = time.monotonic()
        while time.monotonic() - began < minutes * 60 / SPEED:
            ended = select.select([sock], [], [], 1)[0]  # nobody says anything
            expect(not ended, f"the connection ended after {(time.monotonic() - began) * SPEED / 60:.0f} min")
            expect(bridge.daemon.alive(), "the bridge has ended")
        sock.sendall(b"ho me\n")
        expect(receive(sock, 8) == b"echo me\n", "another echo")
        download(proxy, rig.far.port, 1_000_000)
    status, cuts = bridge.status(), edge.logs().count(b"upstream timed out")
    expect(status["fronted_sessions"] == 1, f"{status['fronted_sessions']} sessions were made")
    expect(cuts <= minutes / 12, f"nginx has cut {cuts} answers")
    asked = edge.logs().count(b'"GET /')
    edge.stop()
    bridge.daemon.kill()
    return f"{minutes} min, {SPEED} times as fast; {asked} GETs, {cuts} of them cut by nginx"


CASES = [("nginx as installed: an idle connection", idle)]
