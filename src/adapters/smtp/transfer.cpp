#include "adapters/smtp/transfer.hpp"

#include <algorithm>
#include <fstream>
#include <new>
#include <stdexcept>
#include <string_view>

#include "domain/ids.hpp"

namespace waybill::smtp {

namespace {

constexpr std::size_t helo_name_length_max = 255;

constexpr long quit_answer_max_s = 1;
constexpr double mails_per_second_min = 0.001;
constexpr double mails_per_second_max = 10'000;

bool is_helo_name(std::string_view name) {
    if (name.size() > helo_name_length_max) return false;
    return std::ranges::all_of(name, [](char c) { return c == '.' || is_valid_id(std::string_view(&c, 1)); });
}

long milliseconds(Milliseconds duration) { return static_cast<long>(duration.count()); }

// libcurl counts these in whole seconds; 0 would mean its own default.
long seconds_at_least_one(Milliseconds duration) {
    return std::max(1L, static_cast<long>(std::chrono::ceil<std::chrono::seconds>(duration).count()));
}

long use_ssl(SmtpTls tls, bool has_login) {
    switch (tls) {
        case SmtpTls::automatic:
            return has_login ? CURLUSESSL_ALL : CURLUSESSL_TRY;
        case SmtpTls::required:
            return CURLUSESSL_ALL;
        case SmtpTls::opportunistic:
            return CURLUSESSL_TRY;
        case SmtpTls::never:
            return CURLUSESSL_NONE;
    }
    return CURLUSESSL_ALL;
}

}  // namespace

void start_curl() {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (started != CURLE_OK) throw std::runtime_error(curl_easy_strerror(started));
}

void check_options(const SmtpOptions& options) {
    const Milliseconds none = Milliseconds::zero();
    if (options.connect_timeout <= none || options.timeout <= none || options.idle_max <= none) {
        throw std::invalid_argument("the timeouts for SMTP must be longer than 0");
    }
    const double rate = options.mails_per_second;
    if (rate != 0 && !(rate >= mails_per_second_min && rate <= mails_per_second_max)) {
        throw std::invalid_argument("the rate of mails must be 0 (no limit) or lie between 0.001 and 10000 a second");
    }
    if (!is_helo_name(options.helo_name)) throw std::invalid_argument("the name for EHLO is not a host name");
    if (!options.ca_file.empty() && !std::ifstream(options.ca_file)) {
        throw std::invalid_argument("the file of certificates for SMTP cannot be read: " + options.ca_file);
    }
}

template <class Value>
void Transfer::set(CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy_.get(), option, value);
    if (code != CURLE_OK) throw std::runtime_error(curl_easy_strerror(code));
}

Transfer::Transfer(const SmtpOptions& options, const ServerAddress& address)
    : server_name_(address.name()), easy_(curl_easy_init()) {
    if (!easy_) throw std::bad_alloc();
    set(CURLOPT_URL, curl_url_of(address, options.helo_name).c_str());
    set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(CURLOPT_NOSIGNAL, 1L);
    // What `waybill config` does not show must not redirect a mail.
    set(CURLOPT_PROXY, "");
    set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options.connect_timeout));
    set(CURLOPT_TIMEOUT_MS, milliseconds(options.timeout));
    set(CURLOPT_SERVER_RESPONSE_TIMEOUT, seconds_at_least_one(options.timeout));
    set(CURLOPT_MAXAGE_CONN, seconds_at_least_one(options.idle_max));
    set_security(options, address);
    // The replies and the names of the commands are only seen this way.
    set(CURLOPT_VERBOSE, 1L);
    set(CURLOPT_DEBUGFUNCTION, &note_wire);
    set(CURLOPT_DEBUGDATA, static_cast<void*>(this));
    set(CURLOPT_WRITEFUNCTION, &drop_reply);
}

void Transfer::set_security(const SmtpOptions& options, const ServerAddress& address) {
    set(CURLOPT_USE_SSL, address.implicit_tls ? long{CURLUSESSL_ALL} : use_ssl(options.tls, address.has_login()));
    set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!options.ca_file.empty()) {
        set(CURLOPT_CAINFO, options.ca_file.c_str());
        set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    }
    if (!address.has_login()) return;
    set(CURLOPT_USERNAME, address.user.c_str());
    set(CURLOPT_PASSWORD, address.password.c_str());
}

void Transfer::carry(const Mail& mail) {
    mail_ = &mail;
    sender_ = "<" + mail.from + ">";
    recipients_.reset(curl_slist_append(nullptr, ("<" + mail.to + ">").c_str()));
    if (!recipients_) throw std::bad_alloc();
    set(CURLOPT_MAIL_FROM, sender_.c_str());
    set(CURLOPT_MAIL_RCPT, recipients_.get());
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(mail.raw.size()));
    set(CURLOPT_READFUNCTION, &read_mail);
    set(CURLOPT_READDATA, static_cast<void*>(this));
}

void Transfer::only_look() {
    set(CURLOPT_CUSTOMREQUEST, "NOOP");
    set(CURLOPT_NOBODY, 1L);
}

int Transfer::note_wire(CURL* easy, curl_infotype type, char* data, std::size_t size, void* self) {
    Conversation& conversation = static_cast<Transfer*>(self)->conversation_;
    const std::string_view line(data, size);
    if (type == CURLINFO_HEADER_OUT) conversation.note_command(line);
    // After a refusal libcurl says QUIT and waits, and with it all other conversations.
    if (conversation.closing) curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, quit_answer_max_s);
    if (type == CURLINFO_HEADER_IN) conversation.note_reply(line);
    return 0;
}

std::size_t Transfer::read_mail(char* buffer, std::size_t one, std::size_t count, void* self) {
    Transfer& transfer = *static_cast<Transfer*>(self);
    const std::size_t copied = transfer.mail_->raw.copy(buffer, one * count, transfer.read_);
    transfer.read_ += copied;
    return copied;
}

std::size_t Transfer::drop_reply(char* /*bytes*/, std::size_t one, std::size_t count, void* /*self*/) {
    return one * count;
}

long Transfer::last_status() const {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
}

std::string Transfer::problem_of(CURLcode code) const {
    const std::string server = "The mail server " + server_name_;
    switch (static_cast<int>(code)) {
        case CURLE_COULDNT_RESOLVE_HOST:
            return server + " cannot be found by its name.";
        case CURLE_COULDNT_CONNECT:
            return server + " does not take connections; check host, port and firewall.";
        case CURLE_OPERATION_TIMEDOUT:
            return server + " did not answer in time.";
        case CURLE_USE_SSL_FAILED:
            return server +
                   " offers no STARTTLS, without which no password is sent; use smtps:// if it expects TLS at once.";
        case CURLE_PEER_FAILED_VERIFICATION:
            return server +
                   " shows a certificate that is not trusted or is for another name; set the file of its authority.";
        case CURLE_SSL_CACERT_BADFILE:
            return "The file of certificates for the mail server cannot be used.";
        case CURLE_SSL_CONNECT_ERROR:
            return server + " did not agree on TLS; smtps:// is for TLS at once, smtp:// for STARTTLS.";
        case CURLE_LOGIN_DENIED:
            return server + " refused the login; check user and password.";
        default:
            return server + " gave no usable answer: " + curl_easy_strerror(code) + ".";
    }
}

}  // namespace waybill::smtp
