#include "tests/system/shop.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "tests/system/kept_logs.hpp"

namespace waybill::system_test {

namespace {

std::vector<std::string> with_defaults(std::vector<std::string> flags,
                                       const std::vector<std::pair<std::string, std::string>>& defaults) {
    for (const auto& [flag, value] : defaults) {
        if (std::ranges::find(flags, flag) == flags.end()) flags.insert(flags.begin(), {flag, value});
    }
    return flags;
}

const std::vector<std::pair<std::string, std::string>> limits_off{{"--rate-limit-auth", "0"},
                                                                  {"--rate-limit-api", "0"}};

// A busy machine is no reason to count and cache in each process.
std::unique_ptr<ProductionSet> make_set(ProductionOptions options) {
    options.flags = with_defaults(std::move(options.flags), {{"--redis-call-timeout", "2s"}});
    return std::make_unique<ProductionSet>(options);
}

std::vector<std::filesystem::path> mail_files(const std::filesystem::path& folder, const std::string& prefix) {
    std::vector<std::filesystem::path> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(".eml") && name.starts_with(prefix)) found.push_back(entry.path());
    }
    return found;
}

}  // namespace

Parts parts_of_tests() {
    const char* const word = std::getenv("WAYBILL_TEST_SET");
    return word != nullptr && std::string_view{word} == "production" ? Parts::production : Parts::embedded;
}

Shop::Shop(Parts parts, std::vector<std::string> flags) : root_(make_folder()), data_dir_(root_ / "data") {
    flags = with_defaults(std::move(flags), limits_off);
    if (parts == Parts::production) {
        set_ = make_set({.flags = flags});
        return;
    }
    flags = with_defaults(std::move(flags), {{"--listen", "127.0.0.1:0"}, {"--data-dir", data_dir_.string()}});
    flags.insert(flags.begin(), {"serve", "--seed-demo"});
    embedded_ = std::make_unique<ServerProcess>(root_, "server", flags);
    embedded_->start();
}

Shop::Shop(ProductionOptions options) : root_(make_folder()), data_dir_(root_ / "data") {
    options.flags = with_defaults(std::move(options.flags), limits_off);
    set_ = make_set(std::move(options));
}

Shop::~Shop() {
    keep_secret(read_file(data_dir_ / "secret"));
    set_.reset();
    embedded_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
}

const std::filesystem::path& Shop::data_dir() const {
    if (set_) throw std::logic_error("the production set has no data directory");
    return data_dir_;
}

ProductionSet& Shop::set() const {
    if (!set_) throw std::logic_error("this shop is embedded");
    return *set_;
}

ProcessResult Shop::run(std::vector<std::string> arguments, const std::string& input) const {
    if (set_) return set_->run(arguments, input);
    arguments.insert(arguments.end(), {"--data-dir", data_dir_.string()});
    return run_waybill(arguments, input);
}

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
    const ProcessResult created = run({"user", "create", "--email", "admin@example.com", "--admin"}, "secret\n");
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
    if (!set_) return mail_files(data_dir_ / "mail", prefix);
    for (const SentMail& mail : set_->mails()) {
        if (mail.identity.starts_with(prefix.substr(0, prefix.find(".eml")))) {
            std::ofstream(root_ / (mail.identity + ".eml"), std::ios::binary) << mail.raw;
        }
    }
    return mail_files(root_, prefix);
}

}  // namespace waybill::system_test
