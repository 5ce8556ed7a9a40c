// What Waybill says to SQS and reads from it (JSON protocol 1.0). Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/aws/aws.hpp"

namespace waybill::aws {

inline constexpr std::size_t sqs_batch_max = 10;
inline constexpr Milliseconds sqs_wait_max{20'000};
inline constexpr Milliseconds sqs_visibility_max{43'200'000};

// Ids of at most 80 and 64 characters: ten bodies are far below SQS's 256 KiB.
[[nodiscard]] std::string message_body(const QueueMessage& message);

enum class BodyKind : std::uint8_t {
    ours,
    broken,   // never to be read by any version: no JSON object, or ours with unusable ids
    foreign,  // somebody else's, or of a newer version
};
struct ReadBody {
    BodyKind kind = BodyKind::broken;
    WorkId work_id{};
};
[[nodiscard]] ReadBody read_body(std::string_view body);

// ---- requests; at most sqs_batch_max elements each

[[nodiscard]] std::string send_request(const std::string& queue_url, std::span<const QueueMessage> messages, bool fifo);
[[nodiscard]] std::string receive_request(const std::string& queue_url, std::size_t max, Milliseconds wait,
                                          Milliseconds visibility);
[[nodiscard]] std::string delete_request(const std::string& queue_url, std::span<const ReceivedMessage> messages);
[[nodiscard]] std::string visibility_request(const std::string& queue_url, std::span<const ReceivedMessage> messages,
                                             Milliseconds visibility);
[[nodiscard]] std::string attributes_request(const std::string& queue_url);

// ---- answers; empty when SQS did not say what it says

struct EntryOutcome {
    bool done = false;
    bool sender_fault = false;  // repeating it cannot help
    std::string code;
};
// One for each of the `count` entries of a batch, in order; one that is not mentioned is not done.
[[nodiscard]] std::optional<std::vector<EntryOutcome>> read_batch(std::string_view answer, std::size_t count);

struct RawMessage {
    std::string id;
    std::string receipt;
    std::string body;
};
[[nodiscard]] std::optional<std::vector<RawMessage>> read_messages(std::string_view answer);
[[nodiscard]] std::optional<QueueReport> read_attributes(std::string_view answer);

}  // namespace waybill::aws
