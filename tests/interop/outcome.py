"""One case, and one line of what became of it."""
import time


def passes(name, function, *arguments):
    began = time.monotonic()
    try:
        outcome, good = function(*arguments) or "", True
    except AssertionError as why:
        outcome, good = str(why), False
    except Exception as why:  # a broken case fails alone
        outcome, good = f"{type(why).__name__}: {why}", False
    print(f"{'ok  ' if good else 'FAIL'} {name:<58} {time.monotonic() - began:5.1f} s  {outcome}", flush=True)
    return good
