"""What was checked, by name, and what was otherwise."""


class Checks:
    def __init__(self, words=()):
        self._words = words
        self._names = []
        self._failures = []

    def wants(self, name):
        return not self._words or any(word in name for word in self._words)

    def equal(self, name, found, expected):
        if not self.wants(name):
            return
        self._names.append(name)
        if found != expected:
            self._failures.append(f"{name}: {found!r} instead of {expected!r}")

    def report(self, title):
        for failure in self._failures:
            print(failure)
        for name in self._names if self._words else ():
            print("checked:", name)
        print(f"{title}: {len(self._names)} checks, {len(self._failures)} failed")
        return 1 if self._failures or not self._names else 0
