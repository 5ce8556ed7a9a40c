// What tests of calls to AWS share: the doubles, a clock that shows the real time but sleeps in none,
// a log, and options that reach the doubles.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "adapters/aws/aws.hpp"
#include "adapters/local/local.hpp"
#include "tests/support/aws_doubles.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill::testing {

struct AwsWorld {
    AwsDoubles doubles;
    FakeClock clock;
    RecordingLog log;

    explicit AwsWorld(const std::vector<std::string>& names) : doubles(names) {
        clock.set_now(local::make_system_clock()->now());
    }

    [[nodiscard]] static aws::CredentialOptions credentials() {
        aws::CredentialOptions options;
        options.access_key_id = AwsDoubles::key_id;
        options.secret_access_key = AwsDoubles::secret;
        return options;
    }

    [[nodiscard]] aws::SqsOptions sqs(const std::string& queue = "work", const std::string& attributes = "") const {
        aws::SqsOptions options;
        options.queue_url = doubles.make_queue("sqs", queue, attributes);
        options.region = AwsDoubles::region;
        options.endpoint = doubles.url("sqs");
        options.credentials = credentials();
        return options;
    }

    [[nodiscard]] aws::SesOptions ses() const {
        aws::SesOptions options;
        options.region = AwsDoubles::region;
        options.endpoint = doubles.url("ses");
        options.credentials = credentials();
        return options;
    }

    // How often `text` stands in what an admin command answers.
    [[nodiscard]] std::size_t count(const std::string& command, const std::string& text) const {
        const std::string answer = doubles.admin(command);
        std::size_t found = 0;
        for (std::size_t at = answer.find(text); at != std::string::npos; at = answer.find(text, at + 1)) ++found;
        return found;
    }

    // How often `action` reached the gate of `service`, refused or not.
    [[nodiscard]] int seen(const std::string& service, const std::string& action) const {
        const std::string state = doubles.admin("GET /state");
        return number_after(state, "\"" + action + "\":", state.find("\"" + service + "\":"));
    }
    [[nodiscard]] int accepted(const std::string& service) const {
        const std::string state = doubles.admin("GET /state");
        return number_after(state, "\"accepted\":", state.find("\"" + service + "\":"));
    }
    [[nodiscard]] int issued() const { return number_after(doubles.admin("GET /state"), "\"issued\":", 0); }

private:
    static int number_after(const std::string& text, const std::string& mark, std::size_t from) {
        const std::size_t at = text.find(mark, from);
        return at == std::string::npos ? 0 : std::stoi(text.substr(at + mark.size()));
    }
};

}  // namespace waybill::testing
