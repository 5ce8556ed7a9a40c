// Read-only connections, one for each lease at a time. Readers never wait for the writer.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "adapters/sqlite/reader.hpp"
#include "domain/error.hpp"
#include "ports/clock.hpp"

namespace waybill::sqlite {

inline constexpr std::size_t readers_max = 64;

// Thread-safe.
class ReadPool {
public:
    class Lease {
    public:
        Lease(ReadPool& pool, std::unique_ptr<Reader> reader, std::uint64_t opening);
        Lease(Lease&&) noexcept = default;
        Lease& operator=(Lease&&) = delete;
        ~Lease();
        [[nodiscard]] Connection& connection() { return reader_->connection(); }

    private:
        ReadPool* pool_;
        std::unique_ptr<Reader> reader_;
        std::uint64_t opening_;
    };

    // `keeps_views`: between leases; see Reader.
    ReadPool(std::filesystem::path file, Milliseconds wait_max, bool keeps_views, Clock& clock);

    // What is read during a lease is one state of the tables, and holds every commit that ended before.
    // Opens a connection when all are in use; waits for one beyond readers_max. Errors: unavailable
    // (also while the pool is closed). Throws SqliteError.
    [[nodiscard]] Result<Lease> lease();

    // Closes every connection, those in use at the end of their lease; waits for those no longer
    // than `wait`. Returns whether all are gone.
    [[nodiscard]] bool close(Milliseconds wait);
    void reopen();

    // Calls `copy`, and keeps no view meanwhile but those of leases: they would hold the log.
    template <class Copy>
    auto without_views(Copy copy) {
        keep_views(false);
        const auto result = copy();
        keep_views(true);
        return result;
    }

    [[nodiscard]] std::size_t connections() const;

private:
    void keep_views(bool keep);
    void give_back(std::unique_ptr<Reader> reader, std::uint64_t opening);

    const std::filesystem::path file_;
    const Milliseconds wait_max_;
    const bool may_keep_views_;
    Clock& clock_;
    mutable std::mutex mutex_;
    std::condition_variable given_back_;
    std::vector<std::unique_ptr<Reader>> idle_;
    std::size_t in_use_ = 0;
    bool closed_ = false;
    bool keeps_views_;
    std::uint64_t opening_ = 0;  // how often the pool was opened again
};

}  // namespace waybill::sqlite
