// What must be done before libmongoc is used.
#pragma once

namespace waybill::libmongoc {

// libmongoc keeps counters, which nobody reads, in a file of /dev/shm that it makes when it is loaded,
// used or not (too early for MONGOC_DISABLE_SHM), and that would stay when the process is killed. Once, at
// the start of a process. start() does it too.
void forget_shared_memory();

// Before each first use; thread-safe, and only the first call does something.
void start();

}  // namespace waybill::libmongoc
