// Between wire and engine: counts each command, lets it meet its fault, and takes the orders of
// tests that come over the wire (`waybillFault`).
// Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "tests/doubles/mongo/command_log.hpp"
#include "tests/doubles/mongo/engine.hpp"
#include "tests/doubles/mongo/faults.hpp"

namespace waybill::testing::mongo {

class Dispatcher {
public:
    Dispatcher(Clock& clock, const Options& options) : engine_(clock, options) {}

    // Nothing: the connection is to be cut.
    [[nodiscard]] std::optional<Object> answer(const Object& command, Client& client);

    [[nodiscard]] Engine& engine() { return engine_; }
    [[nodiscard]] Faults& faults() { return faults_; }
    [[nodiscard]] CommandLog& log() { return log_; }

private:
    [[nodiscard]] std::optional<Object> meet(const Fault& fault, const Object& command, Client& client);
    [[nodiscard]] Object take_order(const Object& command);

    Engine engine_;
    Faults faults_;
    CommandLog log_;
};

}  // namespace waybill::testing::mongo
