// What was asked of a double: counters by name and collection, and the latest commands.
// Thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/doubles/mongo/mongo_double.hpp"

namespace waybill::testing::mongo {

class CommandLog {
public:
    static constexpr std::size_t kept_max = 10'000;
    static constexpr std::size_t kept_bytes_max = 64UL * 1024 * 1024;

    void add(const std::string& name, const std::string& collection, const Object& command);
    [[nodiscard]] std::size_t count(const std::string& name, const std::string& collection) const;
    [[nodiscard]] std::size_t count_all() const;
    [[nodiscard]] std::vector<MongoDouble::Seen> seen(const std::string& name) const;
    [[nodiscard]] Object counters() const;
    void reset();

private:
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, std::size_t> counts_;
    std::deque<MongoDouble::Seen> kept_;
    std::size_t kept_bytes_ = 0;
};

}  // namespace waybill::testing::mongo
