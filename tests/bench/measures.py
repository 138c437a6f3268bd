"""What is measured, by name, and one round of it for one peer."""
import processes

# Name, what bench_load is told, and how many streams.
MEASURES = [("down1", "down", 1), ("up1", "up", 1), ("down8", "down", 8), ("up8", "up", 8),
            ("ping32", "ping", 32), ("connect32", "ping", 32), ("ping1", "ping", 1)]


def measure(load, peer, site, measures, seconds, warm_up=0.3):
    """One round for one peer: {measure: what bench_load said, CPU seconds a GB or CPU microseconds a connection}."""
    out = {}
    for name, what, streams in measures:
        by_connect = name == "connect32"
        if by_connect and not peer.grants_connect:
            continue
        before, edge_before = peer.cpu_seconds(), peer.edge_cpu_seconds()
        said = processes.run_json(processes.in_space(peer.space, [
            load, what, "--via", "connect" if by_connect else peer.via, "--port", str(peer.port or site), "--target", str(site),
            "--streams", str(streams), "--seconds", str(seconds), "--warm-up", str(warm_up)] + peer.load_arguments),
            warm_up + seconds + 10)
        used, edge_used = peer.cpu_seconds() - before, peer.edge_cpu_seconds() - edge_before
        if peer.ends and said["total_bytes"]:
            said["cpu_per_gb"] = used / (said["total_bytes"] / 1e9)
            said["edge_cpu_per_gb"] = edge_used / (said["total_bytes"] / 1e9)
        if peer.ends and what == "ping" and said["total_done"]:
            said["cpu_us_each"] = used / said["total_done"] * 1e6
        if said["failed"] and not (said["bytes_per_s"] or said["per_s"]):
            raise RuntimeError(f"{peer.name}: every connection failed in '{name}'")
        out[name] = said
    return out
