"""Logs of JSON lines that grow while they are read."""
import json


def behind(path, mark):
    """The lines that were begun behind `mark`, a size that the file had. One that is not whole yet is left out."""
    with open(path, "rb") as file:
        if mark > 0:
            file.seek(mark - 1)
            file.readline()
        return [json.loads(line.decode(errors="replace")) for line in file if line.endswith(b"}\n")]
