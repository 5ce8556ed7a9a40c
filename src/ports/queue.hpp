// An optional carrier of work ids between processes. At least once, in any order; the store stays
// the truth, so a lost or emptied queue loses nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "domain/error.hpp"
#include "domain/ids.hpp"
#include "domain/time.hpp"
#include "domain/trace.hpp"

namespace waybill {

struct QueueMessage {
    WorkId work_id;
    OrderId order_id;
    std::uint32_t send_number = 0;  // raised in the store before each send
    TraceContext trace{};
};

struct ReceivedMessage {
    WorkId work_id;
    std::string receipt;
};

// Thread-safe. Errors: unavailable; of a send also outcome_unknown, when its answer was lost.
class Queue {
public:
    virtual ~Queue() = default;

    // One result for each message, in order.
    [[nodiscard]] virtual std::vector<Result<void>> send(std::span<const QueueMessage> messages) = 0;
    [[nodiscard]] virtual Result<std::vector<ReceivedMessage>> receive(std::size_t max, Milliseconds wait) = 0;
    virtual Result<void> ack(std::span<const ReceivedMessage> messages) = 0;

    // Hides the messages for `visibility` from now on.
    virtual Result<void> extend(std::span<const ReceivedMessage> messages, Milliseconds visibility) = 0;
};

}  // namespace waybill
