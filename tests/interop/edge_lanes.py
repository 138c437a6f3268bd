"""What `edges` goes through: lanes, each with cases of its own, one after the other."""
import edge_cases
import fleet_cases
import idle_cases
import mode_cases
import sight_cases

TLS_TOO = ("a page by curl", "download and upload, hashed")


class Lane:
    def __init__(self, rig):
        self.rig = rig

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class EdgeLane(Lane):
    """One edge, and a client through it; the cases are given the edge."""

    def __init__(self, rig, name, kind):
        super().__init__(rig)
        self.name, self.kind = name, kind

    def __enter__(self):
        edge = self.kind(self.rig, self.name, [self.rig.port_for(self.kind)])
        edge.start()
        edge.proxy = self.rig.client_to(edge.port, 1 if self.kind.tls else 0)
        self.edge = edge
        return edge

    def __exit__(self, *_):
        self.edge.stop()


def lanes(rig):
    """[(lane, [(name, function)])]"""
    made = []
    for name, kind in edge_cases.EDGES.items():
        cases = [(f"{name}: {what}", function) for what, function in edge_cases.CASES if not kind.tls or what in TLS_TOO]
        if name == "nginx":
            cases += [(f"{name}: {what}", function) for what, function in edge_cases.NAMES]
        made.append((EdgeLane(rig, name, kind), cases))
    made += [(Lane(rig), sight_cases.CASES), (Lane(rig), mode_cases.CASES)]
    made += [*fleet_cases.lanes(rig), (Lane(rig), idle_cases.CASES)]
    return made
