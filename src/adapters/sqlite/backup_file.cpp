#include "adapters/sqlite/backup_file.hpp"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include "adapters/sqlite/open_file.hpp"

namespace waybill::sqlite {

namespace {

constexpr std::string_view seal_mark = "\nwaybill-backup 1 ";
constexpr std::size_t size_digits = 20;
constexpr std::size_t hash_digits = 64;
constexpr std::size_t seal_length = seal_mark.size() + size_digits + 1 + hash_digits + 1;
constexpr std::size_t piece_bytes = 1u << 20;
constexpr std::size_t small_file_bytes_max = 4'096;

// Fewer bytes at the end. False: errno says why.
bool read_at(int file, std::uint64_t at, std::span<char> into, std::size_t& got) {
    got = 0;
    while (got < into.size()) {
        const ssize_t count = ::pread(file, into.data() + got, into.size() - got, static_cast<off_t>(at + got));
        if (count == 0) return true;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        got += static_cast<std::size_t>(count);
    }
    return true;
}

bool write_at(int file, std::uint64_t at, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(count));
        at += static_cast<std::uint64_t>(count);
    }
    return true;
}

// Calls `take` with the first `bytes` of the file, piece by piece. False: errno says why.
bool read_pieces(int file, std::uint64_t bytes, const std::function<bool(std::string_view)>& take) {
    std::vector<char> piece(piece_bytes);
    for (std::uint64_t at = 0; at < bytes;) {
        std::size_t got = 0;
        const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), bytes - at));
        if (!read_at(file, at, std::span(piece).first(wanted), got)) return false;
        if (got < wanted) {
            errno = EIO;
            return false;
        }
        if (!take({piece.data(), got})) return false;
        at += got;
    }
    return true;
}

std::string to_hex(std::span<const unsigned char> bytes) {
    std::string text;
    for (const unsigned char byte : bytes) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

struct DigestEnd {
    void operator()(EVP_MD_CTX* digest) const { EVP_MD_CTX_free(digest); }
};

// Empty: errno says why.
std::string sha256_of(int file, std::uint64_t bytes) {
    const std::unique_ptr<EVP_MD_CTX, DigestEnd> digest(EVP_MD_CTX_new());
    if (!digest || EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
    const bool read = read_pieces(file, bytes, [&](std::string_view piece) {
        return EVP_DigestUpdate(digest.get(), piece.data(), piece.size()) == 1;
    });
    if (!read) return {};
    std::array<unsigned char, 32> hash{};
    unsigned length = 0;
    if (EVP_DigestFinal_ex(digest.get(), hash.data(), &length) != 1) throw std::bad_alloc();
    return to_hex(hash);
}

std::string seal_line(const SealedFile& sealed) {
    const std::string size = std::to_string(sealed.database_bytes);
    std::string line(seal_mark);
    line += std::string(size_digits - size.size(), '0') + size + ' ' + sealed.sha256 + '\n';
    return line;
}

std::optional<SealedFile> parse_seal(std::string_view whole) {
    std::string_view line = whole;
    if (line.size() != seal_length || !line.starts_with(seal_mark)) return std::nullopt;
    line.remove_prefix(seal_mark.size());
    SealedFile sealed;
    const auto [end, problem] = std::from_chars(line.data(), line.data() + size_digits, sealed.database_bytes);
    if (problem != std::errc{} || end != line.data() + size_digits) return std::nullopt;
    sealed.sha256 = line.substr(size_digits + 1, hash_digits);
    if (seal_line(sealed) != whole) return std::nullopt;
    return sealed;
}

std::unexpected<Error> damaged(const std::filesystem::path& file) {
    return fail(ErrorCode::unavailable, "The file " + file.string() +
                                            " is no whole backup of Waybill: it was cut off or changed since it was "
                                            "written. Take another one.");
}

}  // namespace

std::unexpected<Error> file_trouble(const std::filesystem::path& file, int error) {
    return fail(ErrorCode::unavailable,
                "The file " + file.string() + " cannot be used: " + std::generic_category().message(error) + ".");
}

Result<SealedFile> seal(const std::filesystem::path& file) {
    const OpenFile open(file, O_RDWR);
    struct stat found {};
    if (!open.is_open() || ::fstat(open.get(), &found) != 0) return file_trouble(file, errno);
    SealedFile sealed{.database_bytes = static_cast<std::uint64_t>(found.st_size), .sha256 = {}};
    sealed.sha256 = sha256_of(open.get(), sealed.database_bytes);
    if (sealed.sha256.empty()) return file_trouble(file, errno);
    if (!write_at(open.get(), sealed.database_bytes, seal_line(sealed))) return file_trouble(file, errno);
    if (::fsync(open.get()) != 0) return file_trouble(file, errno);
    // So that whoever reads it next reads the disk. Where that cannot be, it reads what was written.
    ::posix_fadvise(open.get(), 0, 0, POSIX_FADV_DONTNEED);
    return sealed;
}

Result<SealedFile> check_seal(const std::filesystem::path& file) {
    const OpenFile open(file, O_RDONLY);
    struct stat found {};
    if (!open.is_open() || ::fstat(open.get(), &found) != 0) return file_trouble(file, errno);
    if (!S_ISREG(found.st_mode)) return damaged(file);
    const auto size = static_cast<std::uint64_t>(found.st_size);
    if (size < seal_length) return damaged(file);
    std::array<char, seal_length> line{};
    std::size_t got = 0;
    if (!read_at(open.get(), size - seal_length, line, got)) return file_trouble(file, errno);
    const std::optional<SealedFile> sealed = parse_seal({line.data(), got});
    if (!sealed || sealed->database_bytes != size - seal_length) return damaged(file);
    const std::string sha256 = sha256_of(open.get(), sealed->database_bytes);
    if (sha256.empty()) return file_trouble(file, errno);
    if (sha256 != sealed->sha256) return damaged(file);
    return *sealed;
}

Result<void> copy_database(const std::filesystem::path& file, const SealedFile& sealed,
                           const std::filesystem::path& into) {
    const OpenFile from(file, O_RDONLY);
    if (!from.is_open()) return file_trouble(file, errno);
    const OpenFile to(into, O_RDWR | O_CREAT | O_TRUNC);
    if (!to.is_open()) return file_trouble(into, errno);
    std::uint64_t at = 0;
    bool is_written = true;
    const bool copied = read_pieces(from.get(), sealed.database_bytes, [&](std::string_view piece) {
        is_written = write_at(to.get(), at, piece);
        at += piece.size();
        return is_written;
    });
    if (!copied) return file_trouble(is_written ? file : into, errno);
    if (::fsync(to.get()) != 0) return file_trouble(into, errno);
    return {};
}

Result<void> write_small_file(const std::filesystem::path& file, const std::string& text) {
    const OpenFile open(file, O_WRONLY | O_CREAT | O_TRUNC);
    if (!open.is_open() || !write_at(open.get(), 0, text) || ::fsync(open.get()) != 0) {
        return file_trouble(file, errno);
    }
    return {};
}

Result<std::string> read_small_file(const std::filesystem::path& file) {
    const OpenFile open(file, O_RDONLY);
    if (!open.is_open() && errno == ENOENT) return std::string{};
    std::string text(small_file_bytes_max + 1, '\0');
    std::size_t got = 0;
    if (!open.is_open() || !read_at(open.get(), 0, text, got)) return file_trouble(file, errno);
    if (got > small_file_bytes_max) return file_trouble(file, EFBIG);
    text.resize(got);
    return text;
}

Result<void> sync_file(const std::filesystem::path& file) {
    const OpenFile open(file, O_RDWR);
    if (!open.is_open() || ::fsync(open.get()) != 0) return file_trouble(file, errno);
    return {};
}

}  // namespace waybill::sqlite
