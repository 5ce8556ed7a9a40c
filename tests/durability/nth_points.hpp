// The points at which something fails: the first, the one `stride` behind it, and so on, until a run no
// longer comes that far. In a short run each kind has a stride of its own; WAYBILL_NTH_STRIDE sets it
// (1: every point), and WAYBILL_NTH_FIRST the first point, so that several processes share the work.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace waybill::testing {

class NthPoints {
public:
    static constexpr long points_max = 100'000;

    // Threads make one run a little longer than the next: it ends after `past_end` points in a row that
    // nothing came to.
    explicit NthPoints(long stride_of_short_run, long past_end = 1)
        : first_(number_of("WAYBILL_NTH_FIRST", 0, 0)),
          stride_(number_of("WAYBILL_NTH_STRIDE", stride_of_short_run, 1)),
          past_end_(past_end) {}

    // `fails_at(n)` says whether the n-th came, and so failed.
    template <class FailsAt>
    void visit(FailsAt fails_at) {
        for (long n = first_, missed = 0; missed < past_end_ && !::testing::Test::HasFailure(); n += stride_) {
            SCOPED_TRACE("point " + std::to_string(n));
            ASSERT_LT(n, points_max) << "it has no end";
            const bool came = fails_at(n);
            visited_ += came ? 1 : 0;
            missed = came ? 0 : missed + stride_;
        }
    }

    [[nodiscard]] std::string told() const {
        return std::to_string(visited_) + " points, one in " + std::to_string(stride_);
    }
    [[nodiscard]] long visited() const { return visited_; }

private:
    static long number_of(const char* variable, long otherwise, long least) {
        const char* const wanted = std::getenv(variable);
        return wanted == nullptr ? otherwise : std::max(least, std::atol(wanted));
    }

    const long first_;
    const long stride_;
    const long past_end_;
    long visited_ = 0;
};

}  // namespace waybill::testing
