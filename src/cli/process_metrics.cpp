#include "cli/process_metrics.hpp"

#include <algorithm>
#include <utility>

#include "adapters/local/local.hpp"
#include "cli/version.hpp"

namespace waybill::cli {

namespace {

prometheus::Gauge& add_gauge(prometheus::Registry& registry, const char* name, const char* help,
                             const prometheus::Labels& labels = {}) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge& add_pool(prometheus::Registry& registry, const char* pool) {
    return add_gauge(registry, "waybill_http_pool_waiting", "Requests that wait for a thread of a pool.",
                     {{"pool", pool}});
}

}  // namespace

// The names of the process' own are those that every client library of Prometheus uses.
ProcessMetrics::ProcessMetrics(Metrics& metrics, std::optional<std::filesystem::path> data_dir)
    : data_dir_(std::move(data_dir)),
      registry_(metrics.families()),
      started_(add_gauge(registry_, "process_start_time_seconds", "When the process started, since 1970.")),
      cpu_(prometheus::BuildCounter()
               .Name("process_cpu_seconds_total")
               .Help("Time of the CPU that the process has spent.")
               .Register(registry_)
               .Add({})),
      resident_(add_gauge(registry_, "process_resident_memory_bytes", "Memory that is resident.")),
      virtual_(add_gauge(registry_, "process_virtual_memory_bytes", "Memory that is mapped.")),
      open_files_(add_gauge(registry_, "process_open_fds", "File descriptors that are open.")),
      open_files_max_(add_gauge(registry_, "process_max_fds", "File descriptors that may be open.")),
      connections_(add_gauge(registry_, "waybill_http_connections", "Connections that are open.")),
      store_waiting_(add_pool(registry_, "store")),
      hashing_waiting_(add_pool(registry_, "hashing")) {
    add_gauge(registry_, "waybill_build_info", "The version that runs; always 1.", {{"version", version}}).Set(1);
}

void ProcessMetrics::read(const http::ServerFigures& server) {
    const local::ProcessFigures figures = local::read_process_figures();
    started_.Set(figures.started_seconds);
    resident_.Set(figures.resident_bytes);
    virtual_.Set(figures.virtual_bytes);
    open_files_.Set(static_cast<double>(figures.open_files));
    open_files_max_.Set(static_cast<double>(figures.open_files_max));
    connections_.Set(static_cast<double>(server.connections));
    store_waiting_.Set(static_cast<double>(server.store_waiting));
    hashing_waiting_.Set(static_cast<double>(server.hashing_waiting));
    {
        const std::lock_guard lock(mutex_);
        cpu_.Increment(std::max(figures.cpu_seconds - cpu_.Value(), 0.0));
    }
    if (!data_dir_) return;
    const std::optional<local::DiskRoom> room = local::read_disk_room(*data_dir_);
    if (!room) return;
    add_gauge(registry_, "waybill_data_disk_available_bytes", "Room on the disk of the data directory.")
        .Set(static_cast<double>(room->available_bytes));
    add_gauge(registry_, "waybill_data_disk_size_bytes", "Size of the disk of the data directory.")
        .Set(static_cast<double>(room->size_bytes));
}

}  // namespace waybill::cli
