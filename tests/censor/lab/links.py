"""Links of Surang, for rigs that want less than `init` gives."""


def by_transport(link, name, **parameters):
    """The link with this one transport only, and parameters of it added or changed; a ValueError if it has not."""
    head, _, tail = link.partition("#")
    start, _, query = head.partition("/?")
    kept = [part for part in query.split("&") if not part.startswith("t=") or part.startswith(f"t={name}:")]
    if not any(part.startswith("t=") for part in kept):
        raise ValueError(f"the link has no {name}")
    added = "".join(f":{key}={value}" for key, value in parameters.items())
    query = "&".join(part + added if part.startswith("t=") else part for part in kept)
    return f"{start}/?{query}#{tail}"
