// What every Queue does, in memory and on both emulators of SQS, standard and FIFO.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <thread>

#include "adapters/aws/aws.hpp"
#include "adapters/local/local.hpp"
#include "tests/support/aws_doubles.hpp"
#include "tests/support/fake_queue.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill {
namespace {

using testing::AwsDoubles;

constexpr Milliseconds hidden_long{15'000};  // by a receive, unless the test waits for its end
constexpr Milliseconds hidden_short{2'000};
constexpr Milliseconds longer_than_hidden{10'000};  // a wait that ends early when something shows itself
constexpr Milliseconds hidden_check{3'500};         // a wait that ends late when nothing does
constexpr Milliseconds long_extension{60'000};

struct QueueCase {
    std::string name;
    std::string double_name;  // empty: in memory
    bool fifo = false;
};

void PrintTo(const QueueCase& each, std::ostream* out) { *out << each.name; }

QueueMessage message(const std::string& id, std::uint32_t send_number = 1) {
    return {WorkId("work-" + id), OrderId("order-" + id), send_number};
}

class QueueContract : public ::testing::TestWithParam<QueueCase> {
protected:
    void SetUp() override {
        if (!GetParam().double_name.empty()) {
            doubles_ = std::make_unique<AwsDoubles>(std::vector<std::string>{GetParam().double_name});
        }
        open(hidden_long);
    }

    // The same queue, hiding what is received for `visibility`.
    void open(Milliseconds visibility) {
        if (GetParam().double_name.empty()) {
            queue_ = std::make_unique<testing::FakeQueue>(*clock_, visibility);
            return;
        }
        aws::SqsOptions options;
        options.queue_url = doubles_->make_queue(GetParam().double_name, GetParam().fifo ? "work.fifo" : "work");
        options.region = AwsDoubles::region;
        options.endpoint = doubles_->url(GetParam().double_name);
        options.credentials.access_key_id = AwsDoubles::key_id;
        options.credentials.secret_access_key = AwsDoubles::secret;
        options.visibility = visibility;
        queue_ = aws::make_sqs_queue(options, *clock_, log_);
    }

    void send(const std::vector<QueueMessage>& messages) {
        const std::vector<Result<void>> results = queue_->send(messages);
        ASSERT_EQ(results.size(), messages.size());
        for (const Result<void>& result : results) EXPECT_TRUE(result) << result.error().detail;
    }

    std::vector<ReceivedMessage> receive(std::size_t max, Milliseconds wait) {
        Result<std::vector<ReceivedMessage>> received = queue_->receive(max, wait);
        EXPECT_TRUE(received) << received.error().detail;
        return received ? std::move(*received) : std::vector<ReceivedMessage>{};
    }

    // Until `count` different messages have come, each acknowledged.
    std::multiset<std::string> drain(std::size_t count) {
        std::multiset<std::string> works;
        while (works.size() < count) {
            const std::vector<ReceivedMessage> received = receive(10, longer_than_hidden);
            if (received.empty()) break;
            for (const ReceivedMessage& one : received) works.insert(one.work_id.text);
            EXPECT_TRUE(queue_->ack(received));
        }
        return works;
    }

    std::unique_ptr<Clock> clock_ = local::make_system_clock();
    testing::RecordingLog log_;
    std::unique_ptr<AwsDoubles> doubles_;
    std::unique_ptr<Queue> queue_;
};

TEST_P(QueueContract, gives_every_message_that_it_took) {
    std::vector<QueueMessage> messages;
    std::multiset<std::string> expected;
    for (int i = 0; i < 25; ++i) {
        messages.push_back(message(std::to_string(i)));
        expected.insert(messages.back().work_id.text);
    }
    send(messages);
    EXPECT_EQ(drain(25), expected);
}

TEST_P(QueueContract, gives_no_more_than_asked) {
    send({message("1"), message("2"), message("3"), message("4")});
    EXPECT_EQ(receive(3, longer_than_hidden).size(), 3U);
}

TEST_P(QueueContract, gives_nothing_when_nothing_waits) {
    EXPECT_TRUE(receive(10, Milliseconds{0}).empty());
    EXPECT_TRUE(receive(0, Milliseconds{0}).empty());
}

TEST_P(QueueContract, takes_the_longest_ids) {
    const QueueMessage longest{WorkId(std::string(80, 'w')), OrderId(std::string(64, 'o')), 4'294'967'295U};
    send({longest});
    const std::vector<ReceivedMessage> received = receive(1, longer_than_hidden);
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(received[0].work_id, longest.work_id);
}

TEST_P(QueueContract, shows_again_what_is_not_acknowledged) {
    open(hidden_short);
    send({message("1")});
    ASSERT_EQ(receive(10, longer_than_hidden).size(), 1U);
    const std::vector<ReceivedMessage> again = receive(10, longer_than_hidden);
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].work_id.text, "work-1");
}

TEST_P(QueueContract, forgets_what_is_acknowledged) {
    open(hidden_short);
    send({message("1"), message("2")});
    EXPECT_EQ(drain(2).size(), 2U);
    EXPECT_TRUE(receive(10, hidden_check).empty());
}

TEST_P(QueueContract, hides_what_is_extended) {
    open(hidden_short);
    send({message("1")});
    const std::vector<ReceivedMessage> received = receive(10, longer_than_hidden);
    ASSERT_EQ(received.size(), 1U);
    ASSERT_TRUE(queue_->extend(received, long_extension));
    EXPECT_TRUE(receive(10, hidden_check).empty());
}

TEST_P(QueueContract, shows_at_once_what_is_extended_by_nothing) {
    send({message("1")});
    const std::vector<ReceivedMessage> received = receive(10, longer_than_hidden);
    ASSERT_EQ(received.size(), 1U);
    ASSERT_TRUE(queue_->extend(received, long_extension));
    ASSERT_TRUE(queue_->extend(received, Milliseconds{0}));
    EXPECT_EQ(receive(10, longer_than_hidden).size(), 1U);
}

TEST_P(QueueContract, acknowledges_and_extends_more_than_one_batch) {
    std::vector<QueueMessage> messages;
    for (int i = 0; i < 12; ++i) messages.push_back(message(std::to_string(i)));
    send(messages);
    std::vector<ReceivedMessage> received;
    while (received.size() < 12) {
        const std::vector<ReceivedMessage> some = receive(10, longer_than_hidden);
        ASSERT_FALSE(some.empty());
        EXPECT_TRUE(queue_->extend(some, long_extension));
        received.insert(received.end(), some.begin(), some.end());
    }
    EXPECT_TRUE(queue_->extend(received, long_extension));
    EXPECT_TRUE(queue_->ack(received));
    EXPECT_TRUE(receive(10, hidden_check).empty());
}

TEST_P(QueueContract, does_nothing_for_nothing) {
    EXPECT_TRUE(queue_->send({}).empty());
    EXPECT_TRUE(queue_->ack({}));
    EXPECT_TRUE(queue_->extend({}, hidden_long));
}

TEST_P(QueueContract, wakes_a_receive_that_waits) {
    std::vector<ReceivedMessage> received;
    std::jthread waiting([&] { received = receive(10, Milliseconds{20'000}); });
    send({message("1")});
    waiting.join();
    EXPECT_EQ(received.size(), 1U);
}

TEST_P(QueueContract, gives_a_resent_message_again) {
    send({message("1", 1)});
    EXPECT_EQ(drain(1).size(), 1U);
    send({message("1", 2)});
    EXPECT_EQ(drain(1).size(), 1U);
}

// Only FIFO queues know copies.
class FifoQueueContract : public QueueContract {};

TEST_P(FifoQueueContract, drops_the_same_send) {
    send({message("1", 1)});
    send({message("1", 1)});
    EXPECT_EQ(drain(1).size(), 1U);
    EXPECT_TRUE(receive(10, hidden_check).empty());
}

const auto case_name = [](const auto& each) { return each.param.name; };
const QueueCase in_memory{"memory", "", false};
const QueueCase fauxqs{"fauxqs", "sqs", false};
const QueueCase fauxqs_fifo{"fauxqs_fifo", "sqs", true};
const QueueCase local_aws_sqs{"local_aws_sqs", "sqs2", false};
const QueueCase local_aws_sqs_fifo{"local_aws_sqs_fifo", "sqs2", true};

INSTANTIATE_TEST_SUITE_P(Queues, QueueContract,
                         ::testing::Values(in_memory, fauxqs, fauxqs_fifo, local_aws_sqs, local_aws_sqs_fifo),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Queues, FifoQueueContract, ::testing::Values(fauxqs_fifo, local_aws_sqs_fifo), case_name);

}  // namespace
}  // namespace waybill
