// Read-only connections, one for each reader at a time. Readers never wait for the writer.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "adapters/sqlite/connection.hpp"
#include "domain/error.hpp"
#include "ports/clock.hpp"

namespace waybill::sqlite {

inline constexpr std::size_t readers_max = 64;

// Thread-safe.
class ReadPool {
public:
    class Lease {
    public:
        Lease(ReadPool& pool, std::unique_ptr<Connection> connection, std::uint64_t opening);
        Lease(Lease&&) noexcept = default;
        Lease& operator=(Lease&&) = delete;
        ~Lease();
        [[nodiscard]] Connection& connection() { return *connection_; }

    private:
        ReadPool* pool_;
        std::unique_ptr<Connection> connection_;
        std::uint64_t opening_;
    };

    ReadPool(std::filesystem::path file, Milliseconds wait_max, Clock& clock);

    // Opens a connection when all are in use; waits for one beyond readers_max. Errors: unavailable
    // (also while the pool is closed). Throws SqliteError.
    [[nodiscard]] Result<Lease> lease();

    // Closes every connection, those in use at the end of their lease; waits for those no longer
    // than `wait`. Returns whether all are gone.
    [[nodiscard]] bool close(Milliseconds wait);
    void reopen();

    [[nodiscard]] std::size_t connections() const;

private:
    void give_back(std::unique_ptr<Connection> connection, std::uint64_t opening);

    const std::filesystem::path file_;
    const Milliseconds wait_max_;
    Clock& clock_;
    mutable std::mutex mutex_;
    std::condition_variable given_back_;
    std::vector<std::unique_ptr<Connection>> idle_;
    std::size_t in_use_ = 0;
    bool closed_ = false;
    std::uint64_t opening_ = 0;  // how often the pool was opened again
};

}  // namespace waybill::sqlite
