// What goes wrong, and when: faults that wait for the n-th command of a name.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "domain/time.hpp"
#include "tests/doubles/mongo/value.hpp"

namespace waybill::testing::mongo {

struct Fault {
    enum class Action {
        error,                // answered with code and labels; nothing is executed
        error_after,          // executed, then answered with code and labels
        write_concern_error,  // executed; the reply carries code as its write concern's error
        cut_before,           // the connection is closed; nothing is executed
        cut_after,            // executed; the connection is closed instead of the reply
        freeze_before,        // executed after release()
        freeze_after,         // executed; the reply leaves after release()
        step_down,            // steps down, then answers 10107
    };
    std::string command;  // as sent, for example "insert"; "*" is any but housekeeping
    Action action = Action::error;
    int code = 0;
    std::vector<std::string> labels{};
    std::string message = "a fault of the test";
    std::string collection{};  // without its database; empty: any
    int nth = 1;               // counted from when it was armed
    int times = 1;             // so many in a row
    bool aborts = true;        // an error ends the transaction that it meets, as on a server; but see commitTransaction
    Milliseconds step_down_for{60'000};
};

// Commands that drivers send by themselves; neither counted among the others nor struck by "*".
[[nodiscard]] bool is_housekeeping(const std::string& command);

class Faults {
public:
    void arm(Fault fault);
    // Disarms and releases.
    void clear();

    // The fault that this command meets.
    [[nodiscard]] std::optional<Fault> take(const std::string& command, const std::string& collection);

    // Everything stands still until release(), greetings too.
    void freeze();
    void release();
    // For commands that met a freeze; returns after the next release() or stop().
    void wait_for_release();
    // While everything stands still.
    void wait_while_frozen();
    // How many commands stand still.
    [[nodiscard]] int frozen() const;
    // Until so many stand still; false when that took longer than the limit.
    [[nodiscard]] bool wait_for_frozen(int count, Milliseconds limit);

    void stop();
    void start();

private:
    struct Armed {
        Fault fault;
        int seen = 0;
    };
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Armed> armed_;
    std::uint64_t releases_ = 0;
    int standing_ = 0;
    bool frozen_ = false;
    bool stopped_ = false;
};

// From {command, action, code, labels, message, collection, nth, times, aborts, stepDownMs}, as it
// comes over the wire. Throws CommandError.
[[nodiscard]] Fault parse_fault(const Object& source);

}  // namespace waybill::testing::mongo
