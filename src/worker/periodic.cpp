#include "worker/periodic.hpp"

#include <exception>
#include <stop_token>

#include "worker/pause.hpp"

namespace waybill::worker {

Periodic::Periodic(ThreadName name, Milliseconds interval, std::function<void()> task, Log& log)
    : thread_([name, interval, task = std::move(task), &log](const std::stop_token& stop) {
          name_thread(name);
          while (!stop.stop_requested()) {
              try {
                  task();
              } catch (const std::exception& problem) {
                  log.write(LogLevel::error, "task-failed", {{"task", name.text()}, {"error", problem.what()}});
              }
              pause_for(interval, stop);
          }
      }) {}

}  // namespace waybill::worker
