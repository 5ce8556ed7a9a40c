#include "tests/durability/allocations.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <sqlite3.h>

namespace waybill::testing {

namespace {

// Counts down the good ones, then the bad ones.
class Plan {
public:
    void set(long good, long bad) {
        bad_ = 0;
        failures_ = 0;
        good_ = good;
        bad_ = bad;
    }
    [[nodiscard]] bool fails_now() {
        if (bad_.load(std::memory_order_relaxed) <= 0) return false;
        if (good_.fetch_sub(1) > 0) return false;
        if (bad_.fetch_sub(1) <= 0) return false;
        ++failures_;
        return true;
    }
    [[nodiscard]] long failures() const { return failures_; }

private:
    std::atomic<long> good_ = 0;
    std::atomic<long> bad_ = 0;
    std::atomic<long> failures_ = 0;
};

Plan sqlite_plan;
Plan our_plan;
sqlite3_mem_methods real_memory;

void* allocate(int size) { return sqlite_plan.fails_now() ? nullptr : real_memory.xMalloc(size); }
void* reallocate(void* bytes, int size) {
    return sqlite_plan.fails_now() ? nullptr : real_memory.xRealloc(bytes, size);
}

void* take(std::size_t size, std::size_t alignment) {
    if (alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__) return std::malloc(size);
    return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* allocate_ours(std::size_t size, std::size_t alignment) {
    for (;;) {
        const bool fails = our_plan.fails_now();
        void* const bytes = fails ? nullptr : take(std::max<std::size_t>(size, 1), alignment);
        if (bytes != nullptr) return bytes;
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr) throw std::bad_alloc();
        handler();
    }
}

}  // namespace

void SqliteMemory::install() {
    [[maybe_unused]] static const int done = [] {
        sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
        sqlite3_mem_methods methods = real_memory;
        methods.xMalloc = allocate;
        methods.xRealloc = reallocate;
        return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    }();
}

void SqliteMemory::fail(long good, long bad) { sqlite_plan.set(good, bad); }
long SqliteMemory::failures() { return sqlite_plan.failures(); }

void OurMemory::fail(long good, long bad) { our_plan.set(good, bad); }
long OurMemory::failures() { return our_plan.failures(); }

}  // namespace waybill::testing

void* operator new(std::size_t size) { return waybill::testing::allocate_ours(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return waybill::testing::allocate_ours(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    try {
        return ::operator new(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void operator delete(void* bytes, const std::nothrow_t&) noexcept { std::free(bytes); }
void operator delete(void* bytes) noexcept { std::free(bytes); }
void operator delete(void* bytes, std::size_t) noexcept { std::free(bytes); }
void operator delete(void* bytes, std::align_val_t) noexcept { std::free(bytes); }
void operator delete(void* bytes, std::size_t, std::align_val_t) noexcept { std::free(bytes); }
