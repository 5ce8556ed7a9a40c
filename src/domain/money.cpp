#include "domain/money.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

namespace waybill {

namespace {

// ISO 4217, active codes (list one, funds included, metals and test codes not: they have no minor unit).
constexpr std::string_view with_two_digits =
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR "
    "ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV "
    "MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ";
constexpr std::string_view with_no_digits = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ";
constexpr std::string_view with_three_digits = "BHD IQD JOD KWD LYD OMR TND ";
constexpr std::string_view with_four_digits = "CLF UYW ";

struct CurrencyGroup {
    std::string_view codes;  // three letters and a space each
    int fraction_digits;
};
constexpr std::array<CurrencyGroup, 4> currency_groups{
    {{with_two_digits, 2}, {with_no_digits, 0}, {with_three_digits, 3}, {with_four_digits, 4}}};

bool lists_code(std::string_view codes, std::string_view code) {
    for (std::size_t at = 0; at + 3 <= codes.size(); at += 4) {
        if (codes.substr(at, 3) == code) return true;
    }
    return false;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text) {
    const auto end = std::ranges::find_if_not(text, is_digit);
    const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(digits.size());
    return digits;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

// A number is digits * 10^exponent. Without digits it is zero.
struct Decimal {
    bool negative = false;
    std::string digits;  // neither leading nor trailing zeros
    std::int64_t exponent = 0;
};

// Far beyond every amount, far from overflow.
constexpr std::int64_t exponent_limit = 1'000'000'000'000;

std::optional<std::int64_t> take_exponent(std::string_view& text) {
    const bool negative = take(text, '-');
    if (!negative) take(text, '+');
    const std::string_view digits = take_digits(text);
    if (digits.empty()) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : digits) value = std::min(value * 10 + (c - '0'), exponent_limit);
    return negative ? -value : value;
}

// The grammar of RFC 8259, 6.
std::optional<Decimal> parse_decimal(std::string_view text) {
    Decimal number;
    number.negative = take(text, '-');
    const std::string_view whole = take_digits(text);
    if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return std::nullopt;
    number.digits = whole;
    if (take(text, '.')) {
        const std::string_view fraction = take_digits(text);
        if (fraction.empty()) return std::nullopt;
        number.digits += fraction;
        number.exponent = -static_cast<std::int64_t>(fraction.size());
    }
    if (take(text, 'e') || take(text, 'E')) {
        const auto exponent = take_exponent(text);
        if (!exponent) return std::nullopt;
        number.exponent += *exponent;
    }
    if (!text.empty()) return std::nullopt;

    number.digits.erase(0, std::min(number.digits.find_first_not_of('0'), number.digits.size()));
    while (number.digits.ends_with('0')) {
        number.digits.pop_back();
        ++number.exponent;
    }
    return number;
}

// digits * 10^shift, empty beyond int64.
std::optional<MinorUnits> scale(std::string_view digits, std::int64_t shift) {
    constexpr std::int64_t int64_digits = std::numeric_limits<MinorUnits>::digits10 + 1;
    if (static_cast<std::int64_t>(digits.size()) + shift > int64_digits) return std::nullopt;
    MinorUnits value = 0;
    for (const char c : digits) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, c - '0', &value)) return {};
    }
    for (std::int64_t i = 0; i < shift; ++i) {
        if (__builtin_mul_overflow(value, 10, &value)) return std::nullopt;
    }
    return value;
}

}  // namespace

std::optional<Currency> find_currency(std::string_view code) {
    if (code.size() != 3) return std::nullopt;
    for (const CurrencyGroup& group : currency_groups) {
        if (lists_code(group.codes, code)) return Currency{std::string{code}, group.fraction_digits};
    }
    return std::nullopt;
}

Result<MinorUnits> parse_amount(std::string_view number, const Currency& currency) {
    const auto decimal = parse_decimal(number);
    if (!decimal) return fail(ErrorCode::validation_failed, "An amount must be a decimal number.");
    if (decimal->digits.empty()) return MinorUnits{0};
    if (decimal->negative) return fail(ErrorCode::validation_failed, "An amount must not be negative.");

    const std::int64_t shift = decimal->exponent + currency.fraction_digits;
    if (shift < 0) {
        return fail(ErrorCode::validation_failed, "An amount in " + currency.code + " has at most " +
                                                      std::to_string(currency.fraction_digits) + " fraction digits.");
    }
    const auto amount = scale(decimal->digits, shift);
    if (!amount) return fail(ErrorCode::validation_failed, "The amount is too large.");
    return *amount;
}

std::string format_amount(MinorUnits amount, const Currency& currency) {
    const bool negative = amount < 0;
    const auto bits = static_cast<std::uint64_t>(amount);
    std::string digits = std::to_string(negative ? 0 - bits : bits);
    const auto fraction = static_cast<std::size_t>(currency.fraction_digits);
    if (digits.size() <= fraction) digits.insert(0, fraction + 1 - digits.size(), '0');
    if (fraction > 0) digits.insert(digits.size() - fraction, 1, '.');
    return negative ? '-' + digits : digits;
}

}  // namespace waybill
