// What the processes of the tests wrote, and every secret that they were told or gave out, kept until
// the suite has ended: tests/system/secret_scan.py then looks for the one in the other.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace waybill::system_test {

// A secret of any kind. Thread-safe.
void keep_secret(std::string_view secret);

// The secrets of a request: passwords and tokens of its body, credentials of its headers.
void keep_secrets_of_request(std::string_view head_and_body);
// The same of an answer: access tokens and cookies.
void keep_secrets_of_answer(std::string_view head_and_body);
// Of flags and NAME=VALUE variables that hold one.
void keep_secrets_of_settings(const std::vector<std::string>& words);

// What a process wrote to its log.
void keep_log(const std::string& name, const std::string& text);

}  // namespace waybill::system_test
