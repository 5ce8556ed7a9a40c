#include <sys/resource.h>
#include <sys/time.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

#include "adapters/local/local.hpp"

namespace waybill::local {

namespace {

// Positions in /proc/self/stat (proc(5)), counted from the state, which follows the program's name.
constexpr int start_time_at = 19;
constexpr int virtual_bytes_at = 20;
constexpr int resident_pages_at = 21;

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// The name may hold anything, so the fields begin behind its last parenthesis.
std::vector<double> read_stat() {
    std::ifstream file("/proc/self/stat");
    std::string line{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    std::istringstream words(line.substr(std::min(line.rfind(')') + 2, line.size())));
    std::string state;
    words >> state;
    std::vector<double> fields{0};
    for (double field = 0; words >> field;) fields.push_back(field);
    fields.resize(std::max<std::size_t>(fields.size(), resident_pages_at + 1));
    return fields;
}

double read_boot_time() {
    std::ifstream file("/proc/stat");
    std::string word;
    double seconds = 0;
    while (file >> word) {
        if (word == "btime" && file >> seconds) return seconds;
    }
    return 0;
}

std::size_t count_open_files() {
    std::error_code problem;
    const std::filesystem::directory_iterator files("/proc/self/fd", problem);
    if (problem) return 0;
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

std::size_t open_files_max() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace

ProcessFigures read_process_figures() {
    ProcessFigures figures;
    const std::vector<double> stat = read_stat();
    static const double booted = read_boot_time();
    figures.started_seconds = booted + stat[start_time_at] / static_cast<double>(::sysconf(_SC_CLK_TCK));
    figures.virtual_bytes = stat[virtual_bytes_at];
    figures.resident_bytes = stat[resident_pages_at] * static_cast<double>(::sysconf(_SC_PAGESIZE));
    rusage usage{};
    if (::getrusage(RUSAGE_SELF, &usage) == 0) {
        figures.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    }
    figures.open_files = count_open_files();
    figures.open_files_max = open_files_max();
    return figures;
}

std::optional<DiskRoom> read_disk_room(const std::filesystem::path& folder) {
    std::error_code problem;
    const std::filesystem::space_info space = std::filesystem::space(folder, problem);
    if (problem) return std::nullopt;
    return DiskRoom{space.available, space.capacity};
}

}  // namespace waybill::local
