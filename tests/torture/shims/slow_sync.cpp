// Preloaded into the binary: every sync takes SLOW_SYNC_MS longer, so that the capacity of the store is
// known whatever the disk.
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>

namespace {

using Sync = int (*)(int);

int sync_slowly(const char* name, int file) {
    const char* const text = std::getenv("SLOW_SYNC_MS");
    const long ms = text == nullptr ? 0 : std::atol(text);
    const timespec delay{ms / 1'000, ms % 1'000 * 1'000'000};
    ::nanosleep(&delay, nullptr);
    return reinterpret_cast<Sync>(::dlsym(RTLD_NEXT, name))(file);
}

}  // namespace

extern "C" int fsync(int file) { return sync_slowly("fsync", file); }
extern "C" int fdatasync(int file) { return sync_slowly("fdatasync", file); }
