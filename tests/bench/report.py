"""The Markdown table and the PASS and FAIL lines."""

COLUMNS = [("1 down", "down1"), ("1 up", "up1"), ("8 down", "down8"), ("8 up", "up8")]


def table(medians, memories, missing):
    raw = medians.get("raw loopback", {})
    lines = ["Throughput as a share of raw loopback; CPU seconds a GB of all the peer's processes (mean of both directions,"
             " one stream).", "",
             "| peer | 1 down | 1 up | 8 down | 8 up | CPU s/GB | conn/s at 32 | first byte p50 / p99, ms | KiB a tunnel |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"]
    for name, by in medians.items():
        cells = [name]
        for _, m in COLUMNS:
            share = ratio(rate(by, m), rate(raw, m))
            cells.append("-" if share is None else f"{share:.3f}")
        cells.append("-" if cpu(by) is None else f"{cpu(by):.2f}")
        cells.append("-" if "ping32" not in by else f"{by['ping32']['per_s']:.0f}" + failed(by["ping32"]))
        cells.append("-" if "ping1" not in by
                     else f"{by['ping1']['p50_us'] / 1e3:.2f} / {by['ping1']['p99_us'] / 1e3:.2f}")
        kept = memories.get(name, {})
        cells.append(", ".join(f"{end} {kib:.1f}" if end != "held" else "" for end, kib in kept.items() if end != "held")
                     or (f"only {kept['held']} stood" if kept else "-"))
        lines.append("| " + " | ".join(cells) + " |")
    if rate(raw, "down1"):
        lines += ["", f"Raw loopback, one stream: {rate(raw, 'down1') / 1e9:.2f} GB/s down, "
                      f"{(rate(raw, 'up1') or 0) / 1e9:.2f} GB/s up."]
    lines += [f"Left out: {name}: {why}" for name, why in missing.items()]
    return "\n".join(lines) + "\n"


def failed(said):
    return f" ({said['failed']:.0f} failed)" if said["failed"] else ""


def rate(by, measure):
    return by.get(measure, {}).get("bytes_per_s")


def ratio(ours, theirs):
    return ours / theirs if ours is not None and theirs else None


def cpu(by):
    known = [by[m]["cpu_per_gb"] for m in ("down1", "up1") if "cpu_per_gb" in by.get(m, {})]
    return sum(known) / len(known) if known else None


def worst(ours, theirs, measures):
    known = [r for r in (ratio(rate(ours, m), rate(theirs, m)) for m in measures) if r is not None]
    return min(known) if known else None


def verdicts(medians, memories):
    """(passed, text) for every threshold whose two sides were measured."""
    https, direct = medians.get("surang https", {}), medians.get("surang direct", {})
    out = []

    def judge(what, value, limit, at_least):
        if value is not None:
            ok = value >= limit if at_least else value < limit
            out.append((ok, f"{'PASS' if ok else 'FAIL'} {what}: {value:.2f} "
                            f"({'at least' if at_least else 'below'} {limit:g})"))

    def peer(name):
        return medians.get(name, {})

    judge("https throughput to trojan's, one stream, the slower direction",
          worst(https, peer("trojan"), ["down1", "up1"]), 1.3, True)
    judge("https throughput to stunnel's, one stream, the slower direction",
          worst(https, peer("stunnel"), ["down1", "up1"]), 1.0, True)
    judge("https CPU a GB to stunnel's", ratio(cpu(https), cpu(peer("stunnel"))), 1.0, False)
    if "ping32" in https and "ping32" in peer("nghttpx"):
        judge("https connections a second to nghttpx's",
              ratio(https["ping32"]["per_s"], peer("nghttpx")["ping32"]["per_s"]), 1.0, True)
    for end in ("client", "server"):
        judge(f"https memory a tunnel, {end}, KiB", memories.get("surang https", {}).get(end), 12, False)
    judge("direct throughput to dante's, one stream, the slower direction",
          worst(direct, peer("dante"), ["down1", "up1"]), 1.0, True)
    judge("direct CPU a GB to dante's", ratio(cpu(direct), cpu(peer("dante"))), 0.5, False)
    return out
