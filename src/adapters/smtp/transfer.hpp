// One conversation with the mail server: libcurl's handle, and all that it points into.
#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <memory>
#include <string>

#include "adapters/smtp/server_address.hpp"
#include "adapters/smtp/smtp.hpp"
#include "adapters/smtp/verdict.hpp"

namespace waybill::smtp {

// Throws std::runtime_error where libcurl cannot start.
void start_curl();

// Throws std::invalid_argument when an option cannot be used.
void check_options(const SmtpOptions& options);

// Not movable: libcurl knows its address. Of one thread at a time.
class Transfer {
public:
    // Throws where libcurl refuses an option.
    Transfer(const SmtpOptions& options, const ServerAddress& address);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    // What the conversation is for. `mail` must stay; its addresses have been checked.
    void carry(const Mail& mail);
    void only_look();

    [[nodiscard]] CURL* easy() const { return easy_.get(); }
    [[nodiscard]] const Conversation& conversation() const { return conversation_; }
    [[nodiscard]] long last_status() const;

    // One sentence for a conversation that ended with `code`, with what to do where that is known.
    [[nodiscard]] std::string problem_of(CURLcode code) const;

private:
    struct EasyDeleter {
        void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    };
    struct ListDeleter {
        void operator()(curl_slist* list) const { curl_slist_free_all(list); }
    };

    template <class Value>
    void set(CURLoption option, Value value);
    void set_security(const SmtpOptions& options, const ServerAddress& address);
    static int note_wire(CURL* easy, curl_infotype type, char* data, std::size_t size, void* self);
    static std::size_t read_mail(char* buffer, std::size_t one, std::size_t count, void* self);
    static std::size_t drop_reply(char* bytes, std::size_t one, std::size_t count, void* self);

    std::string server_name_;
    Conversation conversation_;
    const Mail* mail_ = nullptr;
    std::size_t read_ = 0;  // octets of the mail that libcurl has
    std::string sender_;
    std::unique_ptr<curl_slist, ListDeleter> recipients_;
    std::unique_ptr<CURL, EasyDeleter> easy_;
};

}  // namespace waybill::smtp
