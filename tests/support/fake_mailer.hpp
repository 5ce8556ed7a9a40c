// A mailer that keeps what it is given. Answers `sent` unless told otherwise.
// Thread-safe.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "ports/mailer.hpp"
#include "tests/support/scripted_answers.hpp"

namespace waybill::testing {

class FakeMailer : public Mailer {
public:
    using Answers = ScriptedAnswers<Mail, MailResult>;

    explicit FakeMailer(std::size_t in_flight_max = 16) : in_flight_max_(in_flight_max) {}

    void send(Mail mail, Done done) override { answers_.take(std::move(mail), std::move(done)); }
    [[nodiscard]] std::size_t in_flight_max() const override { return in_flight_max_; }

    // Scripted answers come first, one for each mail; then `rule` decides.
    void answer_next(MailResult result) { answers_.next(std::move(result)); }
    void answer_by(Answers::Rule rule) { answers_.always(std::move(rule)); }

    // From now on mails wait for release_one() or release_all().
    void hold() { answers_.hold(); }
    bool release_one() { return answers_.release_one(); }
    void release_all() { answers_.release_all(); }

    // Every mail that was handed over, copies too, in order.
    [[nodiscard]] std::vector<Mail> mails() const { return answers_.calls(); }
    [[nodiscard]] std::size_t held() const { return answers_.held(); }
    [[nodiscard]] bool wait_for_mails(std::size_t count) { return answers_.wait_for_calls(count); }

private:
    std::size_t in_flight_max_;
    Answers answers_{[](const Mail&) { return MailResult{MailOutcome::sent, ""}; }};
};

}  // namespace waybill::testing
