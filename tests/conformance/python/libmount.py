# SPDX-License-Identifier: Apache-2.0
"""What crun's suite asks of libmount's binding, which Debian does not have."""


class Entry:
    def __init__(self, vfs_options, fs_options):
        self.vfs_options = vfs_options
        self.fs_options = fs_options


class Table:
    """A file in the format of /proc/self/mountinfo."""

    def __init__(self, path):
        self.entries = {}
        with open(path, encoding="utf-8") as f:
            for line in f:
                fields, _, rest = line.partition(" - ")
                fields, rest = fields.split(), rest.split()
                if len(fields) > 5 and len(rest) > 2:
                    self.entries[fields[4]] = Entry(fields[5], rest[2])

    def find_target(self, path):
        return self.entries[path]
