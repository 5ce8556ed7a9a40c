#include "worker/periodic.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <stop_token>

namespace waybill::worker {

Periodic::Periodic(std::string name, Milliseconds interval, std::function<void()> task, Log& log)
    : thread_([name = std::move(name), interval, task = std::move(task), &log](const std::stop_token& stop) {
          std::mutex mutex;
          std::condition_variable_any stopped;
          while (!stop.stop_requested()) {
              try {
                  task();
              } catch (const std::exception& problem) {
                  log.write(LogLevel::error, "task-failed", {{"task", name}, {"error", problem.what()}});
              }
              std::unique_lock lock(mutex);
              stopped.wait_for(lock, stop, interval, [] { return false; });
          }
      }) {}

}  // namespace waybill::worker
