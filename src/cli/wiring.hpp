// Puts a server together: the only place that chooses implementations.
#pragma once

#include <memory>
#include <string>

#include "app/auth.hpp"
#include "cli/config.hpp"
#include "domain/error.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/store.hpp"

namespace waybill::cli {

// A sync that failed twice leaves nothing to trust: called with one sentence, must not return.
using FatalStoreError = std::function<void(std::string)>;

// Everything that serves one shop. Built and taken down in one order.
class Application {
public:
    // Loads the templates and checks the parts' addresses, opens the store, reads or makes the secret, binds the
    // address. Errors are one sentence for a person; validation_failed: a setting, and nothing was made.
    [[nodiscard]] static Result<std::unique_ptr<Application>> assemble(const Config& config, Clock& clock, Log& log,
                                                                       FatalStoreError on_fatal);
    ~Application();

    [[nodiscard]] std::string url() const;

    // Answers requests and works orders on threads of its own.
    void start();

    // /readyz turns 503; everything else goes on.
    void begin_draining();

    // Answers what was read, settles what is in flight, commits the last batch.
    void stop();

private:
    struct Parts;
    explicit Application(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

// The token secret: the configured one, or the file `secret` in the data directory (made on first
// use, mode 0600). Warns of a file that others can read. Errors (unavailable): the file cannot be read or
// made, or is too short.
[[nodiscard]] Result<std::string> obtain_secret(const Config& config, Clock& clock, Log& log);

[[nodiscard]] std::filesystem::path secret_file(const Config& config);

// What is wrong with a secret that is there: errors as obtain_secret's, in one sentence.
[[nodiscard]] Result<std::string> read_secret_file(const std::filesystem::path& path);

// The same of one that can be used, and be read by others; empty when only its owner can.
[[nodiscard]] std::string describe_open_secret(const std::filesystem::path& path);

// One sentence where the secret is missing beside a database with logins, which a new one ends; else empty.
[[nodiscard]] std::string describe_lost_secret(const Config& config, const sqlite::ShopFiles& files);

// Before the store is opened: says, in the log, what is lost of the shop that was here.
void warn_of_lost_files(const Config& config, const sqlite::ShopFiles& before, Log& log);

// Errors (validation_failed): the folder or a file in it cannot be read.
[[nodiscard]] Result<MailTemplates> load_mail_templates(const std::filesystem::path& folder);

// What a command wants of the shop: only to look (an older schema stays as it is, and is an error), to change one
// that is there, or to begin one where there is none.
enum class ShopUse { look, change, begin };

// For a command beside the server. Errors (unavailable): one sentence for a person, also where there is no shop.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store_for_command(const Config& config, ShopUse use, Clock& clock,
                                                                    Log& log);

}  // namespace waybill::cli
