"""The table of scenarios: each a function of the lab that returns what it measured, or fails an `expect`."""
import collections

Scenario = collections.namedtuple("Scenario", "name needs alone function")
TABLE = []


def scenario(name, needs="", alone=False):
    """`needs` "surang": the programs must be built. `alone`: it measures what others beside it on the machine would
    disturb: a few milliseconds, a rate, the share of a processor."""
    def register(function):
        TABLE.append(Scenario(name, needs, alone, function))
        return function
    return register


def expect(condition, what):
    if not condition:
        raise AssertionError(what)
