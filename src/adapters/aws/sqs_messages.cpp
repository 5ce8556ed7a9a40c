#include "adapters/aws/sqs_messages.hpp"

#include <algorithm>
#include <charconv>
#include <functional>

#include "adapters/aws/json.hpp"
#include "domain/work.hpp"

namespace waybill::aws {

namespace {

namespace json = boost::json;

constexpr std::int64_t body_version = 1;

// Rounded up: what shall be hidden for a while must not show itself before.
std::int64_t whole_seconds(Milliseconds time, Milliseconds max) {
    return std::chrono::ceil<std::chrono::seconds>(std::clamp(time, Milliseconds::zero(), max)).count();
}

std::string batch_request(const std::string& queue_url, std::span<const ReceivedMessage> messages,
                          const std::function<void(json::object&)>& complete) {
    json::array entries;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        json::object entry{{"Id", std::to_string(i)}, {"ReceiptHandle", messages[i].receipt}};
        complete(entry);
        entries.push_back(std::move(entry));
    }
    return json::serialize(json::object{{"QueueUrl", queue_url}, {"Entries", std::move(entries)}});
}

// The entry of `count` that an element of an answer is about.
std::optional<std::size_t> entry_of(const json::object& element, std::size_t count) {
    const std::string id = string_at(element, "Id");
    std::size_t index = 0;
    const auto [end, problem] = std::from_chars(id.data(), id.data() + id.size(), index);
    if (problem != std::errc{} || end != id.data() + id.size() || index >= count) return std::nullopt;
    return index;
}

}  // namespace

std::string message_body(const QueueMessage& message) {
    json::object body{{"v", body_version}, {"work", message.work_id.text}, {"order", message.order_id.text}};
    if (message.trace.is_set()) body["traceparent"] = to_traceparent(message.trace);
    return json::serialize(body);
}

ReadBody read_body(std::string_view body) {
    const auto object = parse_object(body);
    if (!object) return {BodyKind::broken};
    if (integer_at(*object, "v") != body_version) return {BodyKind::foreign};
    std::string work = string_at(*object, "work");
    if (!is_valid_work_id(work)) return {BodyKind::broken};
    return {BodyKind::ours, WorkId(std::move(work))};
}

std::string send_request(const std::string& queue_url, std::span<const QueueMessage> messages, bool fifo) {
    json::array entries;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const QueueMessage& message = messages[i];
        json::object entry{{"Id", std::to_string(i)}, {"MessageBody", message_body(message)}};
        if (fifo) {
            entry["MessageGroupId"] = message.order_id.text;
            entry["MessageDeduplicationId"] = message.work_id.text + "-" + std::to_string(message.send_number);
        }
        entries.push_back(std::move(entry));
    }
    return json::serialize(json::object{{"QueueUrl", queue_url}, {"Entries", std::move(entries)}});
}

std::string receive_request(const std::string& queue_url, std::size_t max, Milliseconds wait, Milliseconds visibility) {
    return json::serialize(json::object{{"QueueUrl", queue_url},
                                        {"MaxNumberOfMessages", std::clamp<std::size_t>(max, 1, sqs_batch_max)},
                                        {"WaitTimeSeconds", whole_seconds(wait, sqs_wait_max)},
                                        {"VisibilityTimeout", whole_seconds(visibility, sqs_visibility_max)}});
}

std::string delete_request(const std::string& queue_url, std::span<const ReceivedMessage> messages) {
    return batch_request(queue_url, messages, [](json::object&) {});
}

std::string visibility_request(const std::string& queue_url, std::span<const ReceivedMessage> messages,
                               Milliseconds visibility) {
    const std::int64_t seconds = whole_seconds(visibility, sqs_visibility_max);
    return batch_request(queue_url, messages, [&](json::object& entry) { entry["VisibilityTimeout"] = seconds; });
}

std::string attributes_request(const std::string& queue_url) {
    return json::serialize(json::object{{"QueueUrl", queue_url}, {"AttributeNames", json::array{"All"}}});
}

std::optional<std::vector<EntryOutcome>> read_batch(std::string_view answer, std::size_t count) {
    const auto object = parse_object(answer);
    if (!object) return std::nullopt;
    std::vector<EntryOutcome> outcomes(count, {false, false, "NotMentioned"});
    for (const json::value& element : array_at(*object, "Successful")) {
        const auto index = element.is_object() ? entry_of(element.get_object(), count) : std::nullopt;
        if (index) outcomes[*index] = {true, false, {}};
    }
    for (const json::value& element : array_at(*object, "Failed")) {
        const auto index = element.is_object() ? entry_of(element.get_object(), count) : std::nullopt;
        if (!index) continue;
        outcomes[*index] = {false, bool_at(element.get_object(), "SenderFault"),
                            string_at(element.get_object(), "Code")};
    }
    return outcomes;
}

std::optional<std::vector<RawMessage>> read_messages(std::string_view answer) {
    if (answer.empty()) return std::vector<RawMessage>{};  // how some stand-ins for SQS say {}
    const auto object = parse_object(answer);
    if (!object) return std::nullopt;
    std::vector<RawMessage> messages;
    for (const json::value& element : array_at(*object, "Messages")) {
        if (!element.is_object()) return std::nullopt;
        const json::object& message = element.get_object();
        messages.push_back(
            {string_at(message, "MessageId"), string_at(message, "ReceiptHandle"), string_at(message, "Body")});
        if (messages.back().receipt.empty()) return std::nullopt;
    }
    return messages;
}

std::optional<QueueReport> read_attributes(std::string_view answer) {
    const auto object = parse_object(answer);
    if (!object) return std::nullopt;
    const json::object& attributes = object_at(*object, "Attributes");
    const auto visibility = integer_at(attributes, "VisibilityTimeout");
    const bool is_possible =
        visibility && *visibility >= 0 && *visibility <= sqs_visibility_max / std::chrono::seconds(1);
    if (!is_possible) return std::nullopt;
    QueueReport report;
    report.fifo = string_at(attributes, "FifoQueue") == "true";
    report.visibility = std::chrono::seconds(*visibility);
    report.waiting = integer_at(attributes, "ApproximateNumberOfMessages").value_or(0);
    report.in_flight = integer_at(attributes, "ApproximateNumberOfMessagesNotVisible").value_or(0);
    if (const auto redrive = parse_object(string_at(attributes, "RedrivePolicy"))) {
        report.receive_count_max = integer_at(*redrive, "maxReceiveCount");
    }
    return report;
}

}  // namespace waybill::aws
