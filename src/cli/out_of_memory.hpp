// What happens when no memory is left: the process says so and ends at once. What was acknowledged is
// durable, so nothing is lost, and a start recovers the rest; going on with work that was left half done
// in memory could lose both. A handler for std::set_new_handler; allocates nothing.
#pragma once

#include <cstdlib>
#include <string_view>
#include <unistd.h>

namespace waybill::cli {

[[noreturn]] inline void end_without_memory() noexcept {
    constexpr std::string_view sentence =
        "waybill: out of memory, so it ends here; nothing acknowledged is lost. Give it more memory and start it "
        "again.\n";
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, sentence.data(), sentence.size());
    std::_Exit(EXIT_FAILURE);
}

}  // namespace waybill::cli
