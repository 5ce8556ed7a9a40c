// The messages of a queue on their way through this process: received, claimed by id in the store,
// kept hidden while they are worked on, deleted once the store knows what became of them.
//
// The store decides. A message whose item is gone is deleted; one whose item somebody else holds is
// hidden until that lease ends; one that is lost is sent again by the relay. So nothing here is
// durable, and nothing needs to be.
//
// Only receive() and answer() call the queue, so that one that is slow or away delays no lease and no
// settlement. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "app/work_source.hpp"
#include "domain/work.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/queue.hpp"

namespace waybill {

class QueueDeliveries final : public WorkSource {
public:
    struct Options {
        std::size_t messages_max = 512;  // received and not yet answered
        std::size_t claims_max = 256;    // of these, to be claimed or worked on
        std::size_t receive_max = 10;    // of one call
        std::size_t answer_max = 80;     // of one call
        Milliseconds long_poll{5'000};   // how long a call waits for a message, and a stop for the call
        int ack_tries_max = 3;           // then the message comes again, and is found to be done
    };

    QueueDeliveries(const Options& options, const WorkPolicy& policy, Queue& queue, Store& store, Clock& clock,
                    Log& log);

    // ---- from and to the queue; any number of threads

    // One long poll, for no more messages than have a place. Returns how many came. Errors: the
    // queue's.
    [[nodiscard]] Result<std::size_t> receive();

    struct Answered {
        std::size_t acked = 0;
        bool more_wait = false;
    };
    // At most one call of each kind. What fails is repeated where it matters. Errors: the queue's.
    [[nodiscard]] Result<Answered> answer();

    // Return when there is a place, or an answer to give, or at a stop.
    void wait_for_place(std::stop_token stop);
    void wait_for_answer(std::stop_token stop);

    // From here on nothing is claimed; what was not claimed is shown to others at once.
    void close();

    // ---- for the loop

    [[nodiscard]] Result<Claimed> claim(std::size_t max, Milliseconds lease) override;
    [[nodiscard]] std::vector<Result<void>> extend(std::span<const LeaseKey> leases, Milliseconds lease) override;
    void release(const LeaseKey& lease, bool written) override;

private:
    struct Waiting {
        ReceivedMessage message;
        SteadyTime heartbeat_at{};  // when it must be hidden again, should it still wait
    };
    struct Ack {
        ReceivedMessage message;
        int tries = 0;
    };
    struct Hide {
        ReceivedMessage message;
        Milliseconds visibility{};
    };
    class Places;

    // With the lock held.
    [[nodiscard]] std::size_t free_places() const;
    [[nodiscard]] bool has_answers() const { return !acks_.empty() || !hides_.empty(); }
    void hide(const ReceivedMessage& message, Milliseconds visibility);
    void put_back(Waiting waiting);

    std::vector<Waiting> take_waiting(std::size_t max);
    std::vector<Result<ClaimById>> claim_all(const std::vector<Waiting>& taken, Milliseconds lease);
    void note_claim(Waiting waiting, ClaimById answer, std::vector<ClaimedWork>& claimed);
    std::vector<Ack> take_acks();
    std::vector<Hide> take_hides();
    Result<std::size_t> send_acks();
    Result<void> send_hides();

    const Options options_;
    const WorkPolicy policy_;
    Queue& queue_;
    Store& store_;
    Clock& clock_;
    Log& log_;

    std::mutex mutex_;
    std::condition_variable_any changed_;
    bool closed_ = false;
    std::size_t reserved_ = 0;  // places of calls under way
    std::deque<Waiting> waiting_;
    std::map<LeaseKey, ReceivedMessage, LeaseOrder> worked_on_;
    std::deque<Ack> acks_;
    std::map<std::string, Hide> hides_;  // by receipt: only the latest counts
};

}  // namespace waybill
