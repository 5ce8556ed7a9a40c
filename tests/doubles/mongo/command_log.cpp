#include "tests/doubles/mongo/command_log.hpp"

namespace waybill::testing::mongo {

void CommandLog::add(const std::string& name, const std::string& collection, const Object& command) {
    const std::lock_guard lock(mutex_);
    ++counts_[{name, collection}];
    if (is_housekeeping(name)) return;
    kept_.push_back({name, collection, command});
    kept_bytes_ += encoded_size(command);
    while (kept_.size() > kept_max || (kept_bytes_ > kept_bytes_max && kept_.size() > 1)) {
        kept_bytes_ -= encoded_size(kept_.front().command);
        kept_.pop_front();
    }
}

std::size_t CommandLog::count(const std::string& name, const std::string& collection) const {
    const std::lock_guard lock(mutex_);
    std::size_t sum = 0;
    for (const auto& [key, times] : counts_) {
        if (key.first == name && (collection.empty() || key.second == collection)) sum += times;
    }
    return sum;
}

std::size_t CommandLog::count_all() const {
    const std::lock_guard lock(mutex_);
    std::size_t sum = 0;
    for (const auto& [key, times] : counts_) {
        if (!is_housekeeping(key.first)) sum += times;
    }
    return sum;
}

std::vector<MongoDouble::Seen> CommandLog::seen(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    std::vector<MongoDouble::Seen> found;
    for (const MongoDouble::Seen& one : kept_) {
        if (name.empty() || one.name == name) found.push_back(one);
    }
    return found;
}

Object CommandLog::counters() const {
    const std::lock_guard lock(mutex_);
    Object sums;
    for (const auto& [key, times] : counts_) {
        const Value* sum = sums.find(key.first);
        sums.set(key.first, static_cast<std::int64_t>(times) + (sum ? sum->to_int64() : 0));
    }
    return sums;
}

void CommandLog::reset() {
    const std::lock_guard lock(mutex_);
    counts_.clear();
    kept_.clear();
    kept_bytes_ = 0;
}

}  // namespace waybill::testing::mongo
