#include <curl/curl.h>

#include <cstdio>
#include <memory>

#include "cli/commands.hpp"

namespace waybill::cli {

namespace {

constexpr long answer_deadline_ms = 4'000;  // below what container engines wait
constexpr std::size_t answer_bytes_max = 64u << 10;

// The address as one on this machine can reach it: a server that listens on every address is asked on loopback.
std::string url_of(const ListenAddress& listen, const std::string& path) {
    std::string host = listen.host;
    if (host.empty() || host == "0.0.0.0") host = "127.0.0.1";
    if (host == "::") host = "::1";
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    return "http://" + host + ":" + std::to_string(listen.port) + path;
}

std::size_t keep_answer(char* bytes, std::size_t /*one*/, std::size_t count, void* target) {
    std::string& answer = *static_cast<std::string*>(target);
    if (count > answer_bytes_max - answer.size()) return 0;
    answer.append(bytes, count);
    return count;
}

struct Asked {
    long status = 0;
    std::string body;
};

Result<Asked> ask(const std::string& url) {
    const std::unique_ptr<CURL, void (*)(CURL*)> transfer(curl_easy_init(), curl_easy_cleanup);
    if (!transfer) throw std::bad_alloc();
    Asked asked;
    curl_easy_setopt(transfer.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(transfer.get(), CURLOPT_PROXY, "");
    curl_easy_setopt(transfer.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(transfer.get(), CURLOPT_TIMEOUT_MS, answer_deadline_ms);
    curl_easy_setopt(transfer.get(), CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(transfer.get(), CURLOPT_WRITEDATA, &asked.body);
    const CURLcode code = curl_easy_perform(transfer.get());
    if (code != CURLE_OK) {
        return fail(ErrorCode::unavailable, url + " does not answer (" + curl_easy_strerror(code) +
                                                "): is the server running with this --listen?");
    }
    curl_easy_getinfo(transfer.get(), CURLINFO_RESPONSE_CODE, &asked.status);
    return asked;
}

}  // namespace

int run_healthcheck(const CommandContext& context, bool only_alive) {
    const ListenAddress& listen = context.loaded.config.listen;
    if (listen.port == 0) {
        complain("--listen takes a free port, so nobody knows which to ask: name it in --listen.");
        return exit_failed;
    }
    const Result<Asked> asked = ask(url_of(listen, only_alive ? "/livez" : "/readyz"));
    if (!asked) {
        complain(asked.error().detail);
        return exit_failed;
    }
    if (asked->status != 200) {
        complain("not " + std::string{only_alive ? "alive" : "ready"} + ": the answer is " +
                 std::to_string(asked->status) + " " + asked->body);
        return exit_failed;
    }
    std::printf("%s\n", asked->body.c_str());
    return exit_ok;
}

}  // namespace waybill::cli
