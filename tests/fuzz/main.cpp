#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/targets.hpp"

namespace waybill::fuzz {
namespace {

std::vector<Target> all_targets() {
    std::vector<Target> all;
    for (const auto& family : {json_targets(), http_targets(), router_targets(), token_targets(), aws_targets(),
                               wire_targets(), store_targets(), mail_targets(), value_targets()}) {
        all.insert(all.end(), family.begin(), family.end());
    }
    return all;
}

#ifdef WAYBILL_FUZZ
Target chosen;
#endif

const Target* find_target(const std::vector<Target>& all, std::string_view name) {
    const auto found = std::ranges::find(all, name, &Target::name);
    return found == all.end() ? nullptr : &*found;
}

int print_names() {
    for (const Target& target : all_targets()) std::printf("%s\n", std::string(target.name).c_str());
    return 0;
}

}  // namespace
}  // namespace waybill::fuzz

#ifdef WAYBILL_FUZZ

// libFuzzer's own entry points. `fuzz --target=NAME ...` chooses; `fuzz --targets` prints the names.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
    using namespace waybill::fuzz;
    for (int i = 1; i < *argc; ++i) {
        const std::string_view argument = (*argv)[i];
        if (argument == "--targets") std::exit(print_names());
        if (!argument.starts_with("--target=")) continue;
        const std::vector<Target> all = all_targets();
        if (const Target* found = find_target(all, argument.substr(9))) chosen = *found;
    }
    if (chosen.run != nullptr) return 0;
    std::fputs("fuzz: --target=NAME must name one of:\n", stderr);
    print_names();
    std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    waybill::fuzz::chosen.run({reinterpret_cast<const char*>(data), size});
    return 0;
}

#else

namespace waybill::fuzz {
namespace {

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t count_files(const std::filesystem::path& folder) {
    if (!std::filesystem::is_directory(folder)) return 0;
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

int check_seeds(const std::filesystem::path& seeds) {
    int missing = 0;
    for (const Target& target : all_targets()) {
        if (count_files(seeds / target.name) > 0) continue;
        std::printf("no seed in %s\n", (seeds / target.name).c_str());
        ++missing;
    }
    return missing == 0 ? 0 : 1;
}

int replay(const Target& target, const std::filesystem::path& folder) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        std::fprintf(stderr, "%s\n", entry.path().c_str());
        target.run(read_file(entry.path()));
        ++files;
    }
    std::printf("%s: %zu inputs\n", std::string(target.name).c_str(), files);
    return files > 0 ? 0 : 1;
}

}  // namespace
}  // namespace waybill::fuzz

// fuzz TARGET FOLDER     runs each file of the folder through the target
// fuzz --check-seeds FOLDER
// fuzz --targets
int main(int argc, char** argv) {
    using namespace waybill::fuzz;
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() == 1 && arguments[0] == "--targets") return print_names();
    if (arguments.size() == 2 && arguments[0] == "--check-seeds") return check_seeds(arguments[1]);
    const std::vector<Target> all = all_targets();
    const Target* target = arguments.size() == 2 ? find_target(all, arguments[0]) : nullptr;
    if (target != nullptr) return replay(*target, arguments[1]);
    std::fputs("fuzz: TARGET FOLDER, with TARGET one of:\n", stderr);
    print_names();
    return 2;
}

#endif
