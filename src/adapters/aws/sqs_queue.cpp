#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "adapters/aws/aws.hpp"
#include "adapters/aws/service_client.hpp"
#include "adapters/aws/sqs_messages.hpp"
#include "ports/thread_name.hpp"

namespace waybill::aws {

namespace {

constexpr Milliseconds note_pause{60'000};  // between two lines about the same kind of message

// Where the queue is asked, and in which region it lies.
ServiceOptions service_of(const SqsOptions& options) {
    const std::optional<Endpoint> of_url = parse_endpoint(options.queue_url);
    if (!of_url) throw std::invalid_argument("SQS_QUEUE_URL must be http(s)://host[:port]/account/name");
    const std::optional<Endpoint> endpoint = options.endpoint.empty() ? of_url : parse_endpoint(options.endpoint);
    if (!endpoint) throw std::invalid_argument("AWS_ENDPOINT_URL_SQS must be http(s)://host[:port]");
    std::string region = region_of_host(of_url->host());
    if (region.empty()) region = options.region;
    if (region.empty()) throw std::invalid_argument("AWS_REGION is needed: SQS_QUEUE_URL names no region");
    return {"sqs", *endpoint, std::move(region), "sqs", options.call};
}

Error unavailable(const ServiceFailure& failure) { return {ErrorCode::unavailable, failure.detail}; }

// A message whose answer was lost may lie in the queue.
Error not_sent(const ServiceFailure& failure) {
    return {failure.maybe_done ? ErrorCode::outcome_unknown : ErrorCode::unavailable, failure.detail};
}

Error unreadable() { return {ErrorCode::unavailable, "SQS answered what is no answer of SQS."}; }

// A kind of event that may come in floods: one line a minute says how many there were.
class BoundedNote {
public:
    BoundedNote(std::string event, Clock& clock, Log& log) : event_(std::move(event)), clock_(clock), log_(log) {}

    void add(std::size_t count, const std::string& example) {
        std::size_t all = 0;
        {
            const std::lock_guard lock(mutex_);
            unsaid_ += count;
            const SteadyTime now = clock_.steady_now();
            if (now < not_before_) return;
            not_before_ = now + note_pause;
            all = std::exchange(unsaid_, 0);
        }
        log_.write(LogLevel::warn, event_, {{"count", std::to_string(all)}, {"example", example}});
    }

private:
    const std::string event_;
    Clock& clock_;
    Log& log_;
    std::mutex mutex_;
    std::size_t unsaid_ = 0;
    SteadyTime not_before_{};
};

// False when there are no more threads; then the lanes that there are do it all.
bool add_lane(std::vector<std::jthread>& lanes, const std::function<void()>& lane) {
    try {
        lanes.emplace_back([lane] {
            name_thread("sqs-lane");
            lane();
        });
        return true;
    } catch (const std::system_error&) {
        return false;
    }
}

// Calls `work` with 0 to count - 1, up to `lanes_max` at once, the caller's thread among them.
// `work` must not throw.
void in_lanes(std::size_t count, std::size_t lanes_max, const std::function<void(std::size_t)>& work) {
    std::atomic<std::size_t> next{0};
    const auto lane = [&] {
        for (std::size_t i = next++; i < count; i = next++) work(i);
    };
    std::vector<std::jthread> others;
    bool more = true;
    while (more && others.size() + 1 < std::min(count, lanes_max)) more = add_lane(others, lane);
    lane();
}

class SqsQueue final : public Queue {
public:
    SqsQueue(const SqsOptions& options, const ServiceOptions& service, Clock& clock, Log& log)
        : options_(options),
          fifo_(options.queue_url.ends_with(".fifo")),
          client_(service,
                  make_credential_source(options.credentials, service.region, options.call.ca_file, clock, log), clock,
                  log),
          broken_("sqs-message-broken", clock, log),
          foreign_("sqs-message-foreign", clock, log),
          refused_("sqs-refused", clock, log) {}

    std::vector<Result<void>> send(std::span<const QueueMessage> messages) override {
        std::vector<Result<void>> results(messages.size());
        std::atomic<bool> away{false};
        in_lanes(batches(messages.size()), options_.parallel_max, [&](std::size_t batch) {
            const auto part = part_of(messages, batch);
            const std::span<Result<void>> part_results = part_of(std::span(results), batch);
            if (away) {
                std::ranges::fill(part_results, fail(ErrorCode::unavailable, "SQS is away."));
                return;
            }
            if (!send_batch(part, part_results)) away = true;
        });
        return results;
    }

    Result<std::vector<ReceivedMessage>> receive(std::size_t max, Milliseconds wait) override {
        if (max == 0) return std::vector<ReceivedMessage>{};
        const Milliseconds bounded = std::clamp(wait, Milliseconds::zero(), sqs_wait_max);
        const ServiceAnswer answer =
            ask("ReceiveMessage", receive_request(options_.queue_url, max, bounded, options_.visibility), bounded);
        if (!answer) return fail(unavailable(answer.error()));
        const auto raw = read_messages(answer->body);
        if (!raw) return fail(unreadable());
        return sort_out(*raw);
    }

    Result<void> ack(std::span<const ReceivedMessage> messages) override {
        return change("DeleteMessageBatch", messages,
                      [this](auto part) { return delete_request(options_.queue_url, part); });
    }

    Result<void> extend(std::span<const ReceivedMessage> messages, Milliseconds visibility) override {
        return change("ChangeMessageVisibilityBatch", messages, [this, visibility](auto part) {
            return visibility_request(options_.queue_url, part, visibility);
        });
    }

    Result<QueueReport> report() {
        const ServiceAnswer answer = ask("GetQueueAttributes", attributes_request(options_.queue_url));
        if (!answer) {
            const ServiceFailure& failure = answer.error();
            const bool missing = failure.code.ends_with("NonExistentQueue") || failure.code == "QueueDoesNotExist";
            return fail(failure.kind == FailureKind::credentials ? ErrorCode::forbidden
                        : missing                                ? ErrorCode::not_found
                                                                 : ErrorCode::unavailable,
                        failure.detail);
        }
        const auto report = read_attributes(answer->body);
        if (!report) return fail(unreadable());
        return *report;
    }

private:
    static std::size_t batches(std::size_t count) { return (count + sqs_batch_max - 1) / sqs_batch_max; }

    template <class T>
    static std::span<T> part_of(std::span<T> all, std::size_t batch) {
        const std::size_t begin = batch * sqs_batch_max;
        return all.subspan(begin, std::min(sqs_batch_max, all.size() - begin));
    }

    ServiceAnswer ask(const std::string& action, std::string body, Milliseconds wait = {}) {
        ServiceRequest request{
            .method = "POST",
            .path = "/",
            .headers = {{"content-type", "application/x-amz-json-1.0"}, {"x-amz-target", "AmazonSQS." + action}},
            .body = std::move(body),
            .extra_wait = wait,
            // The caller of a receive comes again anyway.
            .repeat = action != "ReceiveMessage"};
        try {
            ServiceAnswer answer = client_.call(request);
            if (!answer && answer.error().kind == FailureKind::rejected) refused_.add(1, answer.error().code);
            return answer;
        } catch (const std::exception&) {
            return std::unexpected(ServiceFailure{FailureKind::no_answer, 0, "NotSent", "SQS could not be asked."});
        }
    }

    // False when the next batch would fare no better.
    bool send_batch(std::span<const QueueMessage> messages, std::span<Result<void>> results) {
        const ServiceAnswer answer = ask("SendMessageBatch", send_request(options_.queue_url, messages, fifo_));
        const auto outcomes = answer ? read_batch(answer->body, messages.size()) : std::nullopt;
        if (!outcomes) {
            std::ranges::fill(results, fail(answer ? unreadable() : not_sent(answer.error())));
            return false;
        }
        for (std::size_t i = 0; i < results.size(); ++i) {
            const EntryOutcome& outcome = (*outcomes)[i];
            if (outcome.done) continue;
            if (outcome.sender_fault) refused_.add(1, outcome.code);
            results[i] = fail(ErrorCode::unavailable, "SQS did not take the message: " + outcome.code + ".");
        }
        return true;
    }

    std::vector<ReceivedMessage> sort_out(const std::vector<RawMessage>& raw) {
        std::vector<ReceivedMessage> ours;
        std::vector<ReceivedMessage> broken;
        for (const RawMessage& message : raw) {
            ReadBody body = read_body(message.body);
            switch (body.kind) {
                case BodyKind::ours:
                    ours.push_back({std::move(body.work_id), message.receipt});
                    break;
                case BodyKind::broken:
                    broken.push_back({{}, message.receipt});
                    broken_.add(1, message.id);
                    break;
                case BodyKind::foreign:
                    foreign_.add(1, message.id);
                    break;
            }
        }
        static_cast<void>(ack(broken));  // what stays comes back, and is tried again then
        return ours;
    }

    // A receipt that no longer counts is no error: its message was deleted, or comes again.
    Result<void> change(const std::string& action, std::span<const ReceivedMessage> messages,
                        const std::function<std::string(std::span<const ReceivedMessage>)>& request) {
        std::mutex mutex;
        Result<void> result;
        in_lanes(batches(messages.size()), options_.parallel_max, [&](std::size_t batch) {
            const auto part = part_of(messages, batch);
            const ServiceAnswer answer = ask(action, request(part));
            const auto outcomes = answer ? read_batch(answer->body, part.size()) : std::nullopt;
            Result<void> of_part = !answer     ? fail(unavailable(answer.error()))
                                   : !outcomes ? fail(unreadable())
                                               : judge(*outcomes);
            const std::lock_guard lock(mutex);
            if (!of_part) result = std::move(of_part);
        });
        return result;
    }

    Result<void> judge(const std::vector<EntryOutcome>& outcomes) {
        Result<void> result;
        for (const EntryOutcome& outcome : outcomes) {
            if (outcome.done) continue;
            if (outcome.sender_fault) {
                refused_.add(1, outcome.code);
            } else {
                result = fail(ErrorCode::unavailable, "SQS did not change the message: " + outcome.code + ".");
            }
        }
        return result;
    }

    const SqsOptions options_;
    const bool fifo_;
    ServiceClient client_;
    BoundedNote broken_;
    BoundedNote foreign_;
    BoundedNote refused_;
};

}  // namespace

std::unique_ptr<Queue> make_sqs_queue(const SqsOptions& options, Clock& clock, Log& log) {
    return std::make_unique<SqsQueue>(options, service_of(options), clock, log);
}

Result<QueueReport> check_queue(const SqsOptions& options, Clock& clock, Log& log) {
    return SqsQueue(options, service_of(options), clock, log).report();
}

}  // namespace waybill::aws
