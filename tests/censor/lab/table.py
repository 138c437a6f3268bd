"""The table of scenarios: each a function of the lab that returns what it measured, or fails an `expect`."""

TABLE = []


def scenario(name, needs=""):
    """`needs` "surang": the programs must be built."""
    def register(function):
        TABLE.append((name, needs, function))
        return function
    return register


def expect(condition, what):
    if not condition:
        raise AssertionError(what)
