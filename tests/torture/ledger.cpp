#include "tests/torture/ledger.hpp"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

namespace waybill::torture {

namespace {

// Lines of a history that a person reads; the middle of a longer one is left out.
constexpr std::size_t history_lines_max = 60;

bool touches(const Event& event, const Subject& wanted, const std::set<std::string>& keys) {
    const Subject& about = event.about;
    if (!wanted.order.empty() && about.order == wanted.order) return true;
    if (!wanted.key.empty() && about.key == wanted.key && about.user == wanted.user) return true;
    if (!about.key.empty() && keys.contains(about.user + "/" + about.key)) return true;
    if (wanted.order.empty() && wanted.key.empty() && !wanted.product.empty()) {
        // Its orders are too many to be read; what the operator did to it is not.
        return about.product == wanted.product && event.what.find("/orders") == std::string::npos;
    }
    const bool only_user = wanted.order.empty() && wanted.key.empty() && wanted.product.empty();
    return only_user && !wanted.user.empty() && about.user == wanted.user;
}

bool is_fault(const Event& event) { return event.actor == "fault"; }

std::string line_of(const Event& event) {
    char times[64];
    std::snprintf(times, sizeof times, "%9.3f..%-9.3f ", static_cast<double>(event.begun) / 1e6,
                  static_cast<double>(event.ended) / 1e6);
    std::string line = std::string{times} + event.actor + ": " + event.what;
    if (!event.about.key.empty()) line += " key=" + event.about.key;
    if (!event.about.order.empty() && event.what.find(event.about.order) == std::string::npos)
        line += " order=" + event.about.order;
    return line + (event.said.empty() ? "" : " -> " + event.said) + "\n";
}

}  // namespace

void Ledger::note_call(const Event& event, const system_test::Answer& answer) {
    const int status = answer.status;
    Event entry = event;
    if (entry.said.empty()) entry.said = status == 0 ? "no answer" : std::to_string(status) + " " + answer.code();
    const bool says_when = status != 503 || !answer.header("retry-after").empty();
    const bool honest = (status == 0 || (status >= 200 && status < 300) || (status >= 400 && status < 500) ||
                         status == 503 || status == 504) &&
                        says_when;
    const std::lock_guard lock(mutex_);
    if (status == 0) ++counts_.unknown;
    if (status >= 200 && status < 300) ++counts_.success;
    if (status >= 400 && status < 500) ++counts_.refused;
    if (status == 503) ++counts_.unavailable;
    if (status == 504) ++counts_.outcome_unknown;
    if (status == 201 && event.what.starts_with("POST /orders")) {
        ++(answer.header("idempotent-replayed").empty() ? counts_.accepted : counts_.replayed);
    }
    findings_.push_back({14, honest, honest ? std::string{} : "answered " + std::to_string(status) + " " + answer.body,
                         honest ? Subject{} : event.about});
    events_.push_back(std::move(entry));
}

void Ledger::note(const std::string& actor, const std::string& what, const Subject& about) {
    const Micros time = now();
    const std::lock_guard lock(mutex_);
    events_.push_back({time, time, actor, what, {}, about});
}

Counts Ledger::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

std::string Ledger::history_of(const Subject& about) const {
    const std::lock_guard lock(mutex_);
    std::vector<const Event*> chosen;
    std::set<std::string> keys;
    for (const Event& event : events_) {
        if (!about.order.empty() && event.about.order == about.order && !event.about.key.empty()) {
            keys.insert(event.about.user + "/" + event.about.key);
            break;
        }
    }
    for (const Event& event : events_) {
        if (touches(event, about, keys)) chosen.push_back(&event);
    }
    if (chosen.empty()) return "  (nothing was asked about it)\n";
    // What began at once stays in the order in which it was noted.
    const auto begin_and_place = [](const Event* event) { return std::pair(event->begun, event); };
    std::ranges::sort(chosen, {}, begin_and_place);
    const Micros first = chosen.front()->begun;
    const Micros last = chosen.back()->ended;
    for (const Event& event : events_) {
        if (is_fault(event) && event.begun >= first && event.begun <= last) chosen.push_back(&event);
    }
    std::ranges::sort(chosen, {}, begin_and_place);
    std::string text;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        if (chosen.size() > history_lines_max && i == history_lines_max / 2) {
            text += "  ... " + std::to_string(chosen.size() - history_lines_max) + " more ...\n";
            i = chosen.size() - history_lines_max / 2;
        }
        text += "  " + line_of(*chosen[i]);
    }
    return text;
}

}  // namespace waybill::torture
