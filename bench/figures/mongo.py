"""What an order costs on MongoDB, in commands: on the replica set of MONGO_URI, or else on the double of
the tests, whose orders per second mean nothing."""
import os
import subprocess

from figures import load
from figures.shop import ROOT, Server, add_products, fail, listen, log_in, make_admin, register_customers

DOUBLE = ROOT / "build/dev/tests/mongo_double"
COUNTERS = ("waybill_store_commands_total", "waybill_orders_placed_total", "waybill_order_batch_size_count")


def is_possible():
    return "MONGO_URI" in os.environ or DOUBLE.exists()


def start_double():
    if not DOUBLE.exists():
        fail("set MONGO_URI, or build the double of the tests: script/bootstrap dev mongo_double")
    process = subprocess.Popen([DOUBLE, "--port", "0"], stdout=subprocess.PIPE, text=True)
    return process, listen(process)


def measure(folder, options, say):
    """One process that takes orders and works none, so that every command belongs to an order."""
    double, uri = (None, os.environ["MONGO_URI"]) if "MONGO_URI" in os.environ else start_double()
    database = f"waybill_bench_{os.getpid()}"
    environment = {"MONGO_URI": uri, "JWT_SECRET": "of this bench only, it guards nothing", "WAYBILL_MONGO_DATABASE": database}
    lists = folder / "mongo"
    lists.mkdir()
    rows = []
    try:
        with Server(lists / "data", "--role", "api", environment=environment) as server:
            say("MongoDB: preparing")
            products = add_products(server, make_admin(server), min(options.products, 2_000))
            register_customers(server)
            tokens = [log_in(server, f"bench{i}@example.com") for i in range(8)]
            (lists / "products").write_text("\n".join(products))
            (lists / "tokens").write_text("\n".join(tokens))
            for connections in (1, 64, 256):
                say(f"MongoDB, {connections} connections")
                rows.append(measure_commands(server, lists, connections, options.seconds, with_rate=double is None))
    finally:
        if double:
            double.terminate()
    return {"store": "the double of the tests" if double else "MONGO_URI", "rows": rows}


def measure_goals(run):
    run.mongo = measure(run.folder, run.options, run.say)
    for row in run.mongo["rows"]:
        run.values[f"mongo_{row['connections']}"] = row["commands_per_order"]
        run.notes[f"mongo_{row['connections']}"] = run.mongo["store"]


def measure_commands(server, lists, connections, seconds, with_rate):
    load.closed_loop(server.address, lists, "order", 1, connections)
    before = server.counters()
    row = load.closed_loop(server.address, lists, "order", seconds, connections)
    after = server.counters()
    commands, orders, batches = (after[name] - before[name] for name in COUNTERS)
    return {"connections": connections, "commands_per_order": commands / orders, "commands_per_batch": commands / batches,
            "orders_per_batch": orders / batches, "rate": row["rate"] if with_rate else None, "failed": row["failed"]}
