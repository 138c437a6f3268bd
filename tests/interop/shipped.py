"""The files of packaging/fleet, which the cases run as they are shipped, but for names and addresses of the test."""
import os
import re

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "packaging/fleet")


def shipped(name):
    with open(os.path.join(FOLDER, name)) as file:
        return file.read()


def changed(text, *changes):
    """Each (old, new) must find its words."""
    for old, new in changes:
        if old not in text:
            raise RuntimeError(f"'{old}' is not there any more")
        text = text.replace(old, new)
    return text


def chosen(text, mark, *instead_of):
    """The lines marked `#mark `, in the place of those that have `instead_of` in them."""
    for words in instead_of:
        text = "".join(line for line in changed(text, (words, words)).splitlines(True)
                       if words not in line or line.lstrip().startswith("#"))
    return changed(text, (f"#{mark} ", ""))


class Guide:
    """README.md's indented blocks, by the beginning of their heading, and which of them were run."""

    def __init__(self):
        self.blocks = {}
        for section in shipped("README.md").split("\n## ")[1:]:
            heading, _, body = section.partition("\n")
            found = re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", body)
            blocks = [re.sub("(?m)^    ", "", block).strip("\n") + "\n" for block in found]
            self.blocks[heading] = [block for block in blocks if block.strip()]
        self.used = set()

    def block(self, heading, begins):
        """The block under that heading that begins so."""
        for title, blocks in self.blocks.items():
            for block in blocks:
                if title.startswith(heading) and block.startswith(begins):
                    self.used.add(block)
                    return block
        raise RuntimeError(f"README.md has no block '{begins}' under '{heading}'")

    def unused(self):
        return [block for blocks in self.blocks.values() for block in blocks if block not in self.used]
