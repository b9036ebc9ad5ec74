"""What both Python suites share: checks that run one after the other and tell, a line of JSON each, how they went."""

import json
import sys
import time
import traceback
import uuid

BOOTSTRAP = sys.argv[1]
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def fresh(stem):
    return f"{stem}-{uuid.uuid4().hex[:10]}"


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"{found!r} instead of {wanted!r}")


def eventually(what, probe, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def main():
    only = sys.argv[2:]
    for function in CHECKS:
        if only and function.__name__ not in only:
            continue
        started = time.monotonic()
        try:
            function()
            error = None
        except BaseException as caught:  # what a client throws is the finding
            error = "".join(traceback.format_exception(caught))[-1500:]
        millis = round((time.monotonic() - started) * 1000)
        print(json.dumps({"name": function.__name__, "error": error, "ms": millis}), flush=True)
