#include "tests/system/shop.hpp"

#include <gtest/gtest.h>

#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <signal.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace waybill::system_test {

namespace {

constexpr int command_timeout_ms = 30'000;

std::filesystem::path make_folder() {
    std::string path = (std::filesystem::temp_directory_path() / "waybill-system-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return path;
}

// Starts the binary with its streams on the given descriptors, in `folder`.
pid_t spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
            const std::filesystem::path& folder, int in, int out, int err) {
    std::vector<char*> argv{const_cast<char*>(WAYBILL_BINARY)};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed takes its servers along
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    if (::chdir(folder.c_str()) != 0) ::_exit(126);
    for (const std::string& entry : environment) ::putenv(const_cast<char*>(entry.c_str()));
    ::execv(WAYBILL_BINARY, argv.data());
    ::_exit(127);
}

int exit_status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

int open_file(const std::filesystem::path& path, int flags) { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); }

}  // namespace

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool eventually(const std::function<bool()>& condition, int timeout_ms) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

ProcessResult run_waybill(const std::vector<std::string>& arguments, const std::string& input,
                          const std::vector<std::string>& environment) {
    const std::filesystem::path folder = make_folder();
    std::ofstream(folder / "in") << input;
    const int in = open_file(folder / "in", O_RDONLY);
    const int out = open_file(folder / "out", O_WRONLY | O_CREAT);
    const int err = open_file(folder / "err", O_WRONLY | O_CREAT);
    const pid_t pid = spawn(arguments, environment, folder, in, out, err);
    int status = 0;
    if (!eventually([&] { return ::waitpid(pid, &status, WNOHANG) == pid; }, command_timeout_ms)) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, &status, 0);
    }
    ::close(in);
    ::close(out);
    ::close(err);
    ProcessResult result{exit_status_of(status), read_file(folder / "out"), read_file(folder / "err")};
    std::filesystem::remove_all(folder);
    return result;
}

Shop::Shop(std::vector<std::string> flags)
    : flags_{"serve", "--seed-demo"}, root_(make_folder()), data_dir_(root_ / "data") {
    const std::array<std::pair<const char*, std::string>, 4> defaults{{{"--listen", "127.0.0.1:0"},
                                                                       {"--rate-limit-auth", "0"},
                                                                       {"--rate-limit-api", "0"},
                                                                       {"--data-dir", data_dir_.string()}}};
    for (const auto& [flag, value] : defaults) {
        if (std::ranges::find(flags, flag) == flags.end()) flags_.insert(flags_.end(), {flag, value});
    }
    flags_.insert(flags_.end(), flags.begin(), flags.end());
    start();
}

// What a server says of itself when it is broken fails every test.
Shop::~Shop() {
    if (pid_ > 0) kill();
    const std::string written = log();
    for (const char* sign : {"Sanitizer", "runtime error:", "terminate called", "crashed", "step-failed"}) {
        const std::size_t found = written.find(sign);
        if (found != std::string::npos) {
            ADD_FAILURE() << written.substr(found > 500 ? found - 500 : 0, 6'000);
            break;
        }
    }
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
}

void Shop::start() {
    const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int err = open_file(root_ / "err", O_WRONLY | O_CREAT | O_APPEND);
    std::array<int, 2> out{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    pid_ = spawn(flags_, {}, root_, in, out[1], err);
    ::close(in);
    ::close(err);
    ::close(out[1]);
    std::string line;
    for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(out[0]);
    const std::string expected = "listening on http://127.0.0.1:";
    if (!line.starts_with(expected)) throw std::runtime_error("the server did not start: " + line + log());
    port_ = static_cast<std::uint16_t>(std::stoi(line.substr(expected.size())));
}

void Shop::signal(int number) const { ::kill(pid_, number); }

void Shop::pause() const {
    signal(SIGSTOP);
    int status = 0;
    if (::waitpid(pid_, &status, WUNTRACED) != pid_ || !WIFSTOPPED(status)) throw std::runtime_error("it did not stop");
}

void Shop::kill() {
    signal(SIGKILL);
    (void)wait_for_exit();
}

std::optional<int> Shop::wait_for_exit(int timeout_ms) {
    int status = 0;
    if (!eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, timeout_ms)) return std::nullopt;
    pid_ = -1;
    return exit_status_of(status);
}

int Shop::terminate() {
    signal(SIGTERM);
    return wait_for_exit().value_or(-1);
}

std::string Shop::log() const { return read_file(root_ / "err"); }

Customer Shop::register_customer(const std::string& email) {
    Customer customer;
    customer.email = email.empty() ? "customer" + std::to_string(++customers_) + "@example.com" : email;
    HttpClient http = client();
    const Answer answer =
        http.post("/api/v1/auth/register", R"({"email":")" + customer.email + R"(","password":"secret"})");
    if (answer.status != 201) throw std::runtime_error("registration failed: " + answer.body);
    customer.token = answer.text("accessToken");
    const std::string cookie = answer.header("set-cookie");
    customer.cookie = cookie.substr(0, cookie.find(';'));
    return customer;
}

Customer Shop::make_admin() {
    const ProcessResult created = run_waybill(
        {"user", "create", "--data-dir", data_dir_.string(), "--email", "admin@example.com", "--admin"}, "secret\n");
    if (created.exit_status != 0) throw std::runtime_error("no admin: " + created.err);
    HttpClient http = client();
    const Answer answer = http.post("/api/v1/auth/login", R"({"email":"admin@example.com","password":"secret"})");
    if (answer.status != 200) throw std::runtime_error("admin login failed: " + answer.body);
    Customer admin;
    admin.email = "admin@example.com";
    admin.token = answer.text("accessToken");
    return admin;
}

std::string Shop::add_product(const Customer& admin, const std::string& name, const std::string& price, long stock) {
    HttpClient http = client();
    const Answer made =
        http.post("/api/v1/products", R"({"name":")" + name + R"(","price":)" + price + "}", admin.auth());
    const std::string id = made.text("productId");
    const Answer stocked = http.send("PUT", "/api/v1/inventory/" + id + "/bangalore",
                                     R"({"available":)" + std::to_string(stock) + "}", admin.auth());
    if (made.status != 201 || stocked.status != 200)
        throw std::runtime_error("no product: " + made.body + stocked.body);
    return id;
}

long Shop::available(const Customer& admin, const std::string& product_id) {
    HttpClient http = client();
    const Answer answer = http.get("/api/v1/inventory?productId=" + product_id + "&location=bangalore", admin.auth());
    return answer.json().at("data").at(0).at("available").to_number<long>();
}

std::vector<std::filesystem::path> Shop::mails(const std::string& prefix) const {
    std::vector<std::filesystem::path> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data_dir_ / "mail", ignored)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(".eml") && name.starts_with(prefix)) found.push_back(entry.path());
    }
    return found;
}

}  // namespace waybill::system_test
