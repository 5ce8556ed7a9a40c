// What a scrape shows of the process, the disk and the server, beside what was counted.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>

#include "app/metrics.hpp"
#include "http/server.hpp"

namespace waybill::cli {

// Read anew before each rendering of `metrics`. Thread-safe; outlives the server that renders.
class ProcessMetrics {
public:
    // `data_dir`: empty where nothing is stored on this machine's disk.
    ProcessMetrics(Metrics& metrics, std::optional<std::filesystem::path> data_dir);

    void read(const http::ServerFigures& server);

private:
    const std::optional<std::filesystem::path> data_dir_;
    prometheus::Registry& registry_;
    prometheus::Gauge& started_;
    prometheus::Counter& cpu_;
    prometheus::Gauge& resident_;
    prometheus::Gauge& virtual_;
    prometheus::Gauge& open_files_;
    prometheus::Gauge& open_files_max_;
    prometheus::Gauge& connections_;
    prometheus::Gauge& store_waiting_;
    prometheus::Gauge& hashing_waiting_;
    std::mutex mutex_;  // of a counter that is raised to what the kernel says
};

}  // namespace waybill::cli
