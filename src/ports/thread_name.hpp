// What top -H, ps -L, gdb and perf call a thread, so that an operator sees which one burns. No port:
// it lies here because every room that starts threads sees this one.
#pragma once

#include <pthread.h>
#include <string_view>

namespace waybill {

// A literal of at most 15 characters (pthread_setname_np(3)); a longer one does not compile.
class ThreadName {
public:
    consteval ThreadName(const char* literal) : text_(literal) {  // NOLINT: literals convert
        if (std::string_view(literal).size() > 15) throw "a thread's name has at most 15 characters";
    }
    [[nodiscard]] const char* text() const { return text_; }

private:
    const char* text_;
};

// The calling thread. Threads that it starts have its name until they take their own.
inline void name_thread(ThreadName name) { ::pthread_setname_np(::pthread_self(), name.text()); }

}  // namespace waybill
