"""Ports for programs that the tests start."""
import random
import socket

_given = set()


def free_port():
    """One that nobody has, below those which the kernel draws for outgoing connections: such a one could be taken until
    its program binds it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as limits:
        first_drawn = int(limits.read().split()[0])
    lowest = max(1024, first_drawn - 12000)
    while True:
        port = random.randrange(lowest, max(first_drawn, lowest + 4000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
