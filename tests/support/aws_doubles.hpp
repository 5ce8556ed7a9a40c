// Starts the doubles of AWS (tests/doubles/aws) for one test, on free ports, and ends them with it.
// Their gate refuses what is not signed with `key_id` and `secret`, and fails on command.
#pragma once

#include <string>
#include <vector>

namespace waybill::testing {

class AwsDoubles {
public:
    static constexpr const char* key_id = "AKIDWAYBILL";
    static constexpr const char* secret = "a-secret-that-only-tests-know";
    static constexpr const char* region = "us-east-1";

    // `names`: sqs (fauxqs), sqs2 (local-aws-sqs), ses, roles; each may have ":PORT".
    // Throws std::runtime_error when they do not start.
    explicit AwsDoubles(const std::vector<std::string>& names);
    ~AwsDoubles();
    AwsDoubles(const AwsDoubles&) = delete;
    AwsDoubles& operator=(const AwsDoubles&) = delete;

    // http://127.0.0.1:PORT of one of them.
    [[nodiscard]] std::string url(const std::string& name) const;

    // A command of the admin endpoint, as tests/doubles/aws/aws.mjs lists them; the answer's JSON.
    std::string admin(const std::string& command, const std::string& json = "") const;

    // The URL of a new queue. `attributes`: members of a JSON object, as AWS names them.
    std::string make_queue(const std::string& service, const std::string& name,
                           const std::string& attributes = "") const;

    // `more`: further members of the fault, for example "\"action\":\"SendMessageBatch\",\"times\":-1".
    void fault(const std::string& service, const std::string& kind, const std::string& more = "") const;
    void heal() const { admin("DELETE /faults"); }

private:
    int child_ = -1;
    int child_input_ = -1;
    std::string addresses_;  // "sqs=http://127.0.0.1:1 ... "
};

}  // namespace waybill::testing
