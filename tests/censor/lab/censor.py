"""A running censor: its rules over the control socket, its log as Python objects."""
import json
import os
import socket
import time

from . import json_lines
from .processes import Daemon


class Censor:
    def __init__(self, binary, namespace, link, directory):
        self.control = os.path.join(directory, f"censor-{link.name}.sock")
        self.log = os.path.join(directory, f"censor-{link.name}.jsonl")
        self.daemon = Daemon([binary, "--tun", "tun0", "--inside", link.inside4 + ".0/24",
                              link.inside6 + "::/64", "--control", self.control, "--log", self.log],
                             os.path.join(directory, f"censor-{link.name}.log"), namespace)
        self.daemon.wait_for("censor ready")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.control)
        self.reader = self.socket.makefile()

    def say(self, line):
        self.socket.sendall((line + "\n").encode())
        answer = self.reader.readline().strip()
        if not answer or answer.startswith("error"):
            raise RuntimeError(f"censor refused '{line}': {answer}")
        return answer

    def add(self, rule):
        return int(self.say("add " + rule).split()[1])

    def remove(self, number):
        self.say(f"del {number}")

    def clear(self):
        self.say("clear")

    def delay(self, one_way_ms, target="*"):
        self.say(f"delay {target} {one_way_ms}")

    def rule(self, number):
        return next(r for r in json.loads(self.say("list")) if r["id"] == number)

    def mark(self):
        """A place in the log, for `events`."""
        self.say("stats")
        return os.path.getsize(self.log)

    def events(self, since=0, kind=None, settle=0.0, **fields):
        """Log lines behind a mark, of one kind and with these fields."""
        time.sleep(settle)
        self.say("stats")
        found = json_lines.behind(self.log, since)
        return [e for e in found if (kind is None or e["ev"] == kind) and
                all(e.get(key) == value for key, value in fields.items())]
