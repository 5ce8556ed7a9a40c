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
    // Opens the store, reads or makes the secret, loads the templates, binds the address. Errors are
    // one sentence for a person.
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
// use, mode 0600). Errors (unavailable): the file cannot be read or made, or is too short.
[[nodiscard]] Result<std::string> obtain_secret(const Config& config, Clock& clock);

// Errors (validation_failed): the folder or a file in it cannot be read.
[[nodiscard]] Result<MailTemplates> load_mail_templates(const std::filesystem::path& folder);

// For a command beside the server.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store_for_command(const Config& config, Clock& clock, Log& log);

}  // namespace waybill::cli
