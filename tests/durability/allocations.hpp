// Memory that runs out when told: SQLite's own (sqlite.org/c3ref/mem_methods.html), and that of
// operator new, which this program replaces.
#pragma once

namespace waybill::testing {

// From now on `good` allocations of SQLite succeed, then `bad` ones fail, then all succeed. Before the
// first use of SQLite in this process: install().
class SqliteMemory {
public:
    static void install();
    static void fail(long good, long bad);
    static void heal() { fail(0, 0); }
    [[nodiscard]] static long failures();
};

// The same for operator new, on every thread.
class OurMemory {
public:
    static void fail(long good, long bad);
    static void heal() { fail(0, 0); }
    [[nodiscard]] static long failures();
};

}  // namespace waybill::testing
