#include "tests/durability/history.hpp"

#include <algorithm>

namespace waybill::testing {

namespace {

Step cut(const Step& step, DiskRecording::Stamp at) {
    if (step.begun > at) return {};
    return {0, step.done > at ? DiskRecording::never : 0};
}

OrderStory cut(OrderStory story, DiskRecording::Stamp at) {
    for (Step* step :
         {&story.placing, &story.refusal, &story.claim, &story.cancel, &story.processed, &story.failed, &story.mail}) {
        *step = cut(*step, at);
    }
    if (!story.placing.acknowledged()) story.placed.reset();
    std::erase_if(story.seen, [&](const auto& seen) { return seen.first > at; });
    for (auto& seen : story.seen) seen.first = 0;
    return story;
}

}  // namespace

const std::string History::location = "blr";
const ProductId History::shelf{"shelf"};
const std::vector<ProductId> History::products{ProductId{"tea"}, ProductId{"cup"}, ProductId{"pot"}};
const std::vector<UserId> History::users{UserId{"u0"}, UserId{"u1"}, UserId{"u2"}, UserId{"keeper"}};

History History::cut_at(DiskRecording::Stamp at) const {
    History then;
    then.asks_nobody = asks_nobody;
    then.seeding = cut(seeding, at);
    for (const auto& [id, step] : accounts) then.accounts.emplace(id, cut(step, at));
    for (const auto& [id, story] : orders) {
        if (story.placing.begun <= at) then.orders.emplace(id, cut(story, at));
    }
    for (const StockStory& story : stock) {
        if (story.step.begun <= at) then.stock.push_back({story.change, cut(story.step, at)});
    }
    for (const SessionStory& story : sessions) {
        if (story.creation.begun > at) continue;
        SessionStory& kept = then.sessions.emplace_back(story.id, cut(story.creation, at));
        kept.revocation = cut(story.revocation, at);
        for (const auto& [generation, step] : story.rotations) {
            if (step.begun <= at) kept.rotations.emplace(generation, cut(step, at));
        }
    }
    for (const PriceStory& story : prices) {
        if (story.step.begun <= at) then.prices.push_back({story.price, cut(story.step, at)});
    }
    return then;
}

std::size_t History::acknowledged_orders() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(orders, [](const auto& entry) { return entry.second.placing.acknowledged(); }));
}

}  // namespace waybill::testing
