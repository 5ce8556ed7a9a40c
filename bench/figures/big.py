"""Shops with a history: databases of many orders, made once and kept in build/bench-data.

Orders that the product placed, processed and mailed are multiplied in SQL, in the product's own schema:
every column is copied but the ids, the keys and the times.
"""
import shutil
import sqlite3
import time
import zlib

from figures import load
from figures.rows import IDLE_CONNECTIONS, copy_of, remove_tree
from figures.shop import ROOT, Server, call, fail

DATA = ROOT / "build/bench-data"
CHUNK = 100_000
KEEP_HISTORY = ("--idempotency-keep", "3650d")  # or the janitor of a kept shop deletes while it is measured
TIMES = ("created_at", "processing_at", "finished_at")

# UUIDv7: 48 bits of time, then a number; ascending, as those of real orders nearly are.
ORDER_ID = "printf('%08x-%04x-7%03x-8%03x-%012x', ({at}) >> 16, ({at}) & 65535, ({n}) & 4095, ({n}) >> 12 & 4095, ({n}))"


def clean():
    shutil.rmtree(DATA, ignore_errors=True)
    print(f"deleted {DATA.relative_to(ROOT)}; let the disk rest for five minutes before you measure")


def columns(database, table):
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


def multiply(database, table, begin, end, first_time):
    """Rows `begin` to `end` of a history that gives every order ten milliseconds."""
    at, n = f"{first_time} + n * 10", "n"
    values = []
    for column in columns(database, table):
        if column == "order_id":
            values.append(ORDER_ID.format(at=at, n=n))
        elif column == "key":
            values.append("'history-' || n")
        elif column in TIMES:
            values.append(f"{at} + t.{column} - t.created_at")
        else:
            values.append("t." + column)
    count = database.execute(f"SELECT count(*) FROM temp.of_{table}").fetchone()[0]
    if count == 0:
        fail(f"the prepared shop has no rows in {table}")
    step = 1 if table == "orders" else 2  # half of the orders have a key
    database.execute(f"""
        WITH RECURSIVE numbers(n) AS (SELECT {begin} UNION ALL SELECT n + {step} FROM numbers WHERE n + {step} < {end})
        INSERT INTO {table} SELECT {', '.join(values)} FROM numbers JOIN temp.of_{table} t ON t.number = n / {step} % {count}""")


def fill(path, orders, say):
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous=OFF")
    database.execute("PRAGMA cache_size=-1000000")
    for table in ("orders", "idempotency"):
        database.execute(f"CREATE TEMP TABLE of_{table} AS SELECT row_number() OVER () - 1 AS number, * FROM main.{table}")
        database.execute(f"CREATE UNIQUE INDEX temp.of_{table}_number ON of_{table} (number)")
        database.execute(f"DELETE FROM main.{table}")
    first_time = int(time.time() * 1000) - orders * 10 - 60_000
    for begin in range(0, orders, CHUNK):
        end = min(begin + CHUNK, orders)
        database.execute("BEGIN")
        for table in ("orders", "idempotency"):
            multiply(database, table, begin, end, first_time)
        database.execute("COMMIT")
        say(f"filling: {end:,} of {orders:,} orders")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def schema_of(path):
    """A short name of the schema: a shop that another schema made is made again."""
    database = sqlite3.connect(path)
    tables = "".join(row[0] or "" for row in database.execute("SELECT sql FROM sqlite_master ORDER BY name"))
    database.close()
    return f"{zlib.crc32(tables.encode()):08x}"


def shop_with(orders, scene, say):
    """The folder of a shop with so many orders; made when it is not there."""
    folder = DATA / f"{orders}-orders-{len(scene.products)}-products-{schema_of(scene.folder / 'prepared/waybill.db')}"
    if (folder / "complete").exists():
        return folder / "data"
    remove_tree(folder)
    folder.mkdir(parents=True)
    shutil.copytree(scene.folder / "prepared", folder / "data", ignore=shutil.ignore_patterns("mail", "waybill.lock"))
    fill(folder / "data/waybill.db", orders, say)
    (folder / "products").write_text("\n".join(scene.products))
    (folder / "complete").write_text("")
    return folder / "data"


def measure_list_growth(run):
    rates = {}
    for orders in (1_000, 1_000_000):
        data = copy_of(shop_with(orders, run.scene, run.say), run.folder, f"list{orders}")
        with run.scene.adopt(Server(data, *KEEP_HISTORY)) as server:
            page = call(server.connect(), "GET", "/api/v1/orders?limit=20", token=run.scene.tokens[0])
            if len(page["data"]) != 20:
                fail("a customer of the big shop has no page of orders")
            name = f"GET /orders?limit=20, {orders:,} orders"
            rates[orders] = run.drive(name, server, "list")["rate"]
            if orders == 1_000_000:
                with load.IdleConnections(server.address, IDLE_CONNECTIONS):
                    run.values["resident"] = server.resident_mib()
    run.values["list_growth"] = rates[1_000_000] / rates[1_000]


def measure_place_growth(run):
    rates = {}
    for orders in (10_000, 10_000_000):
        shop = shop_with(orders, run.scene, run.say)
        run.say(f"copying a shop with {orders:,} orders")
        data = copy_of(shop, run.folder, f"place{orders}")
        (run.scene.lists / "products").write_text((shop.parent / "products").read_text())
        with run.scene.adopt(Server(data, *KEEP_HISTORY)) as server:
            rates[orders] = run.drive(f"POST /orders, {orders:,} orders on disk", server, "order")["rate"]
    run.values["place_growth"] = rates[10_000_000] / rates[10_000]
