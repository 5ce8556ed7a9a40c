#include "libmongoc/start.hpp"

#include <mongoc/mongoc.h>
#include <sys/mman.h>

#include <mutex>
#include <string>
#include <unistd.h>

namespace waybill::libmongoc {

// What is mapped stays mapped.
void forget_shared_memory() { ::shm_unlink(("/mongoc-" + std::to_string(::getpid())).c_str()); }

// libmongoc writes to stderr by itself otherwise, past our log and its rules.
void start() {
    static std::once_flag once;
    std::call_once(once, [] {
        forget_shared_memory();
        mongoc_log_set_handler(nullptr, nullptr);
        mongoc_init();
    });
}

}  // namespace waybill::libmongoc
