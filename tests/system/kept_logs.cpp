#include "tests/system/kept_logs.hpp"

#include <array>
#include <atomic>
#include <fstream>
#include <mutex>
#include <set>
#include <unistd.h>

namespace waybill::system_test {

namespace {

std::filesystem::path file_of_this_process(const std::string& ending) {
    const std::filesystem::path folder = WAYBILL_KEPT_LOGS;
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    return folder / (std::to_string(::getpid()) + ending);
}

// The text after each `mark`, up to one of `ends`.
void keep_each(std::string_view text, std::string_view mark, std::string_view ends) {
    for (std::size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + 1)) {
        const std::size_t begin = at + mark.size();
        const std::size_t end = std::min(text.find_first_of(ends, begin), text.size());
        keep_secret(text.substr(begin, end - begin));
    }
}

// user:PASSWORD@host of a URL.
void keep_password_of_url(std::string_view url) {
    const std::size_t scheme = url.find("://");
    const std::size_t at = url.rfind('@');
    if (scheme == std::string_view::npos || at == std::string_view::npos || at < scheme) return;
    const std::size_t colon = url.find(':', scheme + 3);
    if (colon < at) keep_secret(url.substr(colon + 1, at - colon - 1));
}

bool names_secret(std::string_view name) {
    return name.ends_with("SECRET") || name.ends_with("SECRET_ACCESS_KEY") || name.ends_with("SESSION_TOKEN") ||
           name.ends_with("-secret") || name.ends_with("-token");
}

}  // namespace

void keep_secret(std::string_view secret) {
    static std::mutex mutex;
    static std::set<std::string, std::less<>> known;
    if (secret.empty() || secret.find('\n') != std::string_view::npos) return;
    const std::lock_guard lock(mutex);
    if (!known.emplace(secret).second) return;
    std::ofstream(file_of_this_process(".secrets"), std::ios::app) << secret << '\n';
}

void keep_secrets_of_request(std::string_view head_and_body) {
    for (const std::string_view member : {"\"password\":\"", "\"current\":\"", "\"new\":\"", "\"token\":\""}) {
        keep_each(head_and_body, member, "\"\\");
    }
    keep_each(head_and_body, "Authorization: Bearer ", "\r");
    keep_each(head_and_body, "refreshToken=", ";\r\"");
}

void keep_secrets_of_answer(std::string_view head_and_body) {
    keep_each(head_and_body, "\"accessToken\":\"", "\"");
    keep_each(head_and_body, "refreshToken=", ";\r\"");
}

void keep_secrets_of_settings(const std::vector<std::string>& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        const std::size_t equals = word.find('=');
        const std::string_view name = word.substr(0, equals);
        if (equals != std::string_view::npos && names_secret(name)) {
            keep_secret(word.substr(equals + 1));
        } else if (names_secret(name) && i + 1 < words.size()) {
            keep_secret(words[i + 1]);
        }
        keep_password_of_url(word);
    }
}

void keep_log(const std::string& name, const std::string& text) {
    static std::atomic<int> count = 0;
    if (text.empty()) return;
    std::ofstream(file_of_this_process("-" + std::to_string(++count) + "-" + name + ".log")) << text;
}

}  // namespace waybill::system_test
