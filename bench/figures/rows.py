"""The goals, and the measurements that fill them. Every ratio compares figures of one run."""
import shutil
import statistics
import subprocess
import time

from figures import load

IO_THREADS = 2  # the server's default
CURVE = (1, 4, 16, 64, 256, 1024)
IDLE_CONNECTIONS = 10_000
STARTS = 20
ROUNDS = 3  # of the orders, each beside a bare loop

# key, what it is, goal, how it is printed. A goal that starts with '>' must be reached, one with '<' not be passed.
GOALS = [
    ("livez_bare", "`GET /livez` ÷ a bare Beast loop that answers the same bytes", (">", 0.7), ".2f"),
    ("post_livez", "durable `POST /orders` ÷ `GET /livez`", (">", 0.5), ".2f"),
    ("post_sqlite", "durable `POST /orders` ÷ the same rows inserted into SQLite by a bare loop", (">", 0.7), ".2f"),
    ("lone_order", "p50 of a lone order ÷ (3 × p50 of a 4 KiB `fdatasync` + p50 of `/livez`)", ("<", 1), ".2f"),
    ("post_p99", "p99 of `POST /orders` at half of the top rate, open loop", ("<", 25), ".1f ms"),
    ("get_p99", "p99 of `GET /orders/{id}` at half of its top rate, open loop", ("<", 5), ".1f ms"),
    ("get_cached", "`GET /orders/{id}`, cached ÷ `/livez`", (">", 0.8), ".2f"),
    ("get_stored", "`GET /orders/{id}`, not cached ÷ `/livez`", (">", 0.5), ".2f"),
    ("list_growth", "`GET /orders?limit=20` with 1,000,000 orders ÷ with 1,000", (">", 0.9), ".2f"),
    ("mailed", "orders processed and mailed ÷ orders accepted, at the top rate", (">", 0.5), ".2f"),
    ("place_growth", "`POST /orders` with 10,000,000 orders on disk ÷ with 10,000", (">", 0.8), ".2f"),
    ("resident", "memory with 10,000 idle connections and 1,000,000 orders", ("<", 128), ".0f MiB"),
    ("start", "`waybill serve` to its first line, empty data directory", ("<", 50), ".0f ms"),
    ("mongo_64", "commands per order on MongoDB, 64 connections", ("<", 0.25), ".3f"),
    ("mongo_256", "commands per order on MongoDB, 256 connections", ("<", 0.06), ".3f"),
]

# A goal that also counts as reached when another figure is: where the disk's own loop is the limit, the price
# of an empty reply cannot be.
INSTEAD = {"post_livez": ("post_sqlite", 0.8)}


class Run:
    """Collects the figures of one run: `loads` are rates and latencies, `values` the goals' figures."""

    def __init__(self, folder, scene, options, say):
        self.folder = folder
        self.scene = scene
        self.options = options
        self.say = say
        self.loads = {}
        self.values = {}
        self.notes = {}
        self.curve = []
        self.mongo = None
        self.sync = None
        self.backlog_grows = None

    def drive(self, name, server, mode, connections=None, seconds=None):
        self.say(name)
        self.loads[name] = load.warm_closed_loop(server.address, self.scene.lists, mode, seconds or self.options.seconds,
                                                 connections or self.options.connections)
        return self.loads[name]

    def ratio(self, key, above, below):
        if above in self.loads and below in self.loads:
            self.values[key] = self.loads[above]["rate"] / self.loads[below]["rate"]

    def measure_http(self):
        for name, words in (("bare Beast loop", ()), ("bare Beast loop, answer prepared", ("prepared",))):
            with load.BareHttp(IO_THREADS, self.scene.livez, *words) as bare:
                self.drive(name, bare, "livez")
        with self.scene.open() as server:
            self.drive("GET /livez", server, "livez")
        self.ratio("livez_bare", "GET /livez", "bare Beast loop")
        prepared = self.loads["GET /livez"]["rate"] / self.loads["bare Beast loop, answer prepared"]["rate"]
        self.notes["livez_bare"] = f"÷ the same loop with the answer prepared: {prepared:.2f}"

    def measure_reads(self):
        with self.scene.open() as server:
            self.scene.use_tokens(1)
            self.drive("GET /orders/{id}, cached", server, "read")
            top = self.loads["GET /orders/{id}, cached"]["rate"]
            self.say("GET /orders/{id} at half rate")
            paced = load.open_loop(server.address, self.scene.lists, "read", top / 2, self.options.seconds, self.options.connections)
        with self.scene.open("--cache-entries-max", "1") as server:
            self.scene.use_tokens(1)
            self.drive("GET /orders/{id}, not cached", server, "read")
        self.loads["GET /orders/{id} at half rate"] = paced
        self.values["get_p99"] = paced["p99_ms"]
        self.ratio("get_cached", "GET /orders/{id}, cached", "GET /livez")
        self.ratio("get_stored", "GET /orders/{id}, not cached", "GET /livez")
        self.notes["get_stored"] = "a cache of one entry"

    def measure_lone_order(self):
        with self.scene.open() as server:
            self.drive("GET /livez, 1 connection", server, "livez", 1)
            sync = load.sync_micros(server.data)
            self.drive("POST /orders, 1 connection", server, "order", 1)
        least = 3 * sync["p50_us"] / 1e3 + self.loads["GET /livez, 1 connection"]["p50_ms"]
        self.values["lone_order"] = self.loads["POST /orders, 1 connection"]["p50_ms"] / least
        self.notes["lone_order"] = f"one fdatasync: p50 {sync['p50_us']:.0f} µs, p99 {sync['p99_us']:.0f} µs"
        self.sync = sync

    def measure_orders(self):
        """In turns with the bare loop, and the median of each: a disk is not equally fast at all times."""
        placed, bare = zip(*((self.drive_orders(), self.drive_bare_sqlite()) for _ in range(ROUNDS)))
        row, self.values["mailed"] = median(placed, lambda one: one[0]["rate"])
        self.loads["POST /orders"] = row
        self.notes["mailed"] = f"{self.values['mailed'] * row['rate']:,.0f} mails a second meanwhile"
        self.ratio("post_livez", "POST /orders", "GET /livez")
        self.loads["bare SQLite loop"] = {"rate": median(bare, lambda one: one["bare"])["bare"]}
        self.loads["the store alone, batches of 256, no HTTP"] = {"rate": median(bare, lambda one: one["store"])["store"]}
        self.ratio("post_sqlite", "POST /orders", "bare SQLite loop")
        each = ", ".join(f"{one['rate']:,.0f} ÷ {other['bare']:,.0f}" for (one, _), other in zip(placed, bare))
        self.notes["post_sqlite"] = f"the medians of {each}"

    def drive_orders(self):
        """The load, and the share of the accepted orders that were mailed meanwhile."""
        with self.scene.open() as server:
            load.closed_loop(server.address, self.scene.lists, "order", 1, self.options.connections)
            self.say("POST /orders")
            before = server.counters()
            row = load.closed_loop(server.address, self.scene.lists, "order", self.options.seconds, self.options.connections)
            after = server.counters()
        accepted, mailed = (after[name] - before[name] for name in ("waybill_orders_placed_total", "waybill_mails_sent_total"))
        return row, mailed / accepted

    def drive_bare_sqlite(self):
        self.say("bare SQLite")
        folder = self.folder / f"bare-sqlite{time.monotonic_ns()}"
        return load.bare_sqlite(folder, 15_000 * self.options.seconds, self.options.products)

    def measure_pace(self):
        """Orders at half of the top rate; whether the work keeps up with them."""
        self.say("POST /orders at half rate")
        rate = self.loads["POST /orders"]["rate"] / 2
        with self.scene.open() as server:
            load.closed_loop(server.address, self.scene.lists, "order", 1, 16)
            process = subprocess.Popen(load.open_loop_command(server.address, self.scene.lists, "order", rate, 2 * self.options.seconds,
                                                              self.options.connections), stdout=subprocess.PIPE, text=True)
            backlog = []
            while process.poll() is None:
                counters = server.counters()
                backlog.append(counters["waybill_orders_placed_total"] - counters["waybill_mails_sent_total"])
                time.sleep(0.25)
            paced = load.read_open_loop(process.stdout.read(), rate)
        self.loads["POST /orders at half rate"] = paced
        self.values["post_p99"] = paced["p99_ms"]
        middle, end = backlog[len(backlog) // 2], backlog[-1]
        self.backlog_grows = end > 1.25 * middle + 1_000
        self.notes["mailed"] += (f"; at half of the top rate the backlog {'grows' if self.backlog_grows else 'does not grow'} "
                                 f"({middle:,.0f} orders at half time, {end:,.0f} at the end)")

    def measure_curve(self):
        for connections in CURVE:
            with self.scene.open() as server:
                self.say(f"POST /orders, {connections} connections")
                row = load.warm_closed_loop(server.address, self.scene.lists, "order", self.options.seconds, connections)
                self.curve.append({"connections": connections, **row})

    def measure_start(self):
        self.say("start")
        samples = [load.start_ms(self.folder / f"start{i}") for i in range(STARTS)]
        self.values["start"] = statistics.median(samples)
        self.notes["start"] = f"median of {STARTS}, the slowest {max(samples):.0f} ms"

    def measure_idle(self):
        self.say("idle connections")
        with self.scene.open() as server, load.IdleConnections(server.address, IDLE_CONNECTIONS):
            self.notes["resident"] = f"{server.resident_mib():.0f} MiB with few orders"

# In this order: a bare loop stands beside what is held against it.
GROUPS = {
    "start": Run.measure_start,
    "http": Run.measure_http,
    "lone": Run.measure_lone_order,
    "reads": Run.measure_reads,
    "orders": Run.measure_orders,
    "pace": Run.measure_pace,
    "curve": Run.measure_curve,
    "idle": Run.measure_idle,
}
NEEDS = {"pace": "orders"}


def median(rows, rate):
    return sorted(rows, key=rate)[len(rows) // 2]


def is_met(goal, value):
    direction, bound = goal
    return value >= bound if direction == ">" else value <= bound


def copy_of(data, folder, name):
    """Its own inodes, on disk before the measurement begins."""
    copy = folder / name
    subprocess.run(["cp", "-a", "--reflink=auto", data, copy], check=True)
    subprocess.run(["sync", "-f", copy], check=True)
    return copy


def remove_tree(folder):
    shutil.rmtree(folder, ignore_errors=True)
