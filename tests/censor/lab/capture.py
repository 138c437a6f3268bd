"""Every byte that a network device sends and takes, into a file, until it is ended: run as a program in a namespace."""
import os
import socket
import sys

from_here = __name__ == "__main__"
ALL_PROTOCOLS = 0x0003  # ETH_P_ALL


class Capture:
    """What passes the device while this is open."""

    def __init__(self, lab, part, device):
        self.lab, self.namespace, self.device = lab, lab.network.ns[part], device
        self.file = os.path.join(lab.directory, f"capture-{part}-{device}")

    def __enter__(self):
        from .processes import Daemon
        self.daemon = Daemon([sys.executable, os.path.abspath(__file__), self.device, self.file], self.file + ".log",
                             self.namespace)
        self.daemon.wait_for("ready")
        return self

    def __exit__(self, *_):
        self.daemon.stop()

    def bytes(self):
        with open(self.file, "rb") as file:
            return file.read()


if from_here:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS)) as wire, \
            open(sys.argv[2], "wb", buffering=0) as kept:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        wire.bind((sys.argv[1], ALL_PROTOCOLS))
        print("ready", flush=True)
        while True:
            kept.write(wire.recv(1 << 17))
