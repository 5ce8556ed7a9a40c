// Owners of what libmongoc makes.
#pragma once

#include <mongoc/mongoc.h>

#include <cstdint>
#include <memory>

namespace waybill::libmongoc {

template <auto destroy>
struct End {
    template <class T>
    void operator()(T* object) const {
        destroy(object);
    }
};
using Uri = std::unique_ptr<mongoc_uri_t, End<mongoc_uri_destroy>>;
using Collection = std::unique_ptr<mongoc_collection_t, End<mongoc_collection_destroy>>;
using Cursor = std::unique_ptr<mongoc_cursor_t, End<mongoc_cursor_destroy>>;

// What a person wrote into the URI counts.
inline void set_unless_given(mongoc_uri_t* uri, const char* option, std::int64_t value) {
    if (mongoc_uri_has_option(uri, option)) return;
    mongoc_uri_set_option_as_int32(uri, option, static_cast<std::int32_t>(value));
}

}  // namespace waybill::libmongoc
