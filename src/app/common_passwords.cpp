#include "app/common_passwords.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

namespace waybill {

namespace {

// Sorted, in lower case.
constexpr std::array<std::string_view, 259> words{
    "abc",       "abcabc",     "access",    "account",   "admin",      "administrator", "adobe",      "alexander",
    "amanda",    "america",    "andrea",    "andrew",    "angel",      "angela",        "angels",     "anthony",
    "apple",     "arsenal",    "asdasd",    "asdf",      "asdfasdf",   "ashley",        "austin",     "azerty",
    "babygirl",  "babygurl",   "bailey",    "banana",    "bandit",     "baseball",      "basketball", "batman",
    "beautiful", "bigdog",     "blahblah",  "blink",     "booboo",     "boomer",        "brandon",    "brandy",
    "buster",    "butterfly",  "camaro",    "change",    "changeme",   "charlie",       "cheese",     "chelsea",
    "chester",   "chicken",    "chocolate", "christian", "coffee",     "compaq",        "computer",   "cookie",
    "corvette",  "cowboy",     "cowboys",   "dallas",    "daniel",     "danielle",      "default",    "demo",
    "diablo",    "diamond",    "dolphin",   "donald",    "dragon",     "eagles",        "eminem",     "family",
    "fender",    "ferrari",    "fishing",   "flower",    "flowers",    "football",      "forever",    "freedom",
    "friend",    "friends",    "fuckme",    "fuckyou",   "gandalf",    "gateway",       "george",     "ginger",
    "golden",    "golfer",     "google",    "guest",     "guitar",     "hammer",        "hannah",     "happy",
    "harley",    "heather",    "heaven",    "hello",     "helloworld", "hockey",        "hottie",     "house",
    "hunter",    "iceman",     "iloveu",    "iloveyou",  "india",      "internet",      "iwantu",     "jackson",
    "jasmine",   "jasper",     "jennifer",  "jeremy",    "jessica",    "jesus",         "jordan",     "joseph",
    "joshua",    "junior",     "justin",    "killer",    "krishna",    "lakers",        "letmein",    "liverpool",
    "login",     "london",     "love",      "lovely",    "loveme",     "lover",         "loveyou",    "maggie",
    "manager",   "marina",     "market",    "marlboro",  "martin",     "master",        "matrix",     "matthew",
    "maverick",  "mercedes",   "merlin",    "michael",   "michelle",   "mickey",        "midnight",   "miller",
    "money",     "monkey",     "monster",   "morgan",    "mother",     "mustang",       "mynoob",     "natasha",
    "nathan",    "nicholas",   "nicole",    "nintendo",  "none",       "nothing",       "orange",     "order",
    "orders",    "pakistan",   "panther",   "parker",    "pass",       "passpass",      "passw",      "passwd",
    "password",  "passwort",   "patrick",   "peaches",   "peanut",     "pepper",        "phoenix",    "player",
    "please",    "pokemon",    "porsche",   "prince",    "princess",   "purple",        "qazwsx",     "qwaszx",
    "qwe",       "qweasd",     "qweasdzxc", "qwerty",    "qwertyuiop", "rachel",        "rainbow",    "ranger",
    "rangers",   "realmadrid", "robert",    "rockyou",   "root",       "samantha",      "samsung",    "scooter",
    "secret",    "secrets",    "service",   "shadow",    "shop",       "silver",        "slipknot",   "snoopy",
    "soccer",    "sparky",     "spider",    "spiderman", "starwars",   "steelers",      "steven",     "summer",
    "sunshine",  "superman",   "superstar", "support",   "sweet",      "taylor",        "teacher",    "temp",
    "temppass",  "tennis",     "test",      "testing",   "thomas",     "thunder",       "tigger",     "tinkerbell",
    "toor",      "trustno",    "tweety",    "user",      "victoria",   "walter",        "warrior",    "waybill",
    "welcome",   "whatever",   "william",   "winner",    "winter",     "yamaha",        "yankees",    "yellow",
    "zaq",       "zxcvbn",     "zxcvbnm"};

constexpr std::array<std::string_view, 9> rows{"qwertyuiop", "asdfghjkl",  "zxcvbnm",
                                               "azertyuiop", "qsdfghjklm", "abcdefghijklmnopqrstuvwxyz",
                                               "1234567890", "qwertzuiop", "1qaz2wsx3edc4rfv5tgb6yhn"};
constexpr std::size_t run_length_min = 3;

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

// p4$$w0rd is password.
std::string without_disguise(std::string text) {
    constexpr std::string_view signs = "@4301!$5|7";
    constexpr std::string_view letters = "aaeoiissit";
    for (char& c : text) {
        const std::size_t found = signs.find(c);
        if (found != std::string_view::npos) c = letters[found];
    }
    return text;
}

// Digits and signs before and behind.
std::string_view core_of(std::string_view text) {
    while (!text.empty() && !is_letter(text.front())) text.remove_prefix(1);
    while (!text.empty() && !is_letter(text.back())) text.remove_suffix(1);
    return text;
}

bool is_word(std::string_view text) { return std::ranges::binary_search(words, text); }

// "abcabcabc", "111111": a piece that repeats until the end.
bool is_repetition(std::string_view text) {
    for (std::size_t length = 1; length <= text.size() / 2; ++length) {
        bool same = true;
        for (std::size_t i = length; i < text.size() && same; ++i) same = text[i] == text[i - length];
        if (same && length <= 4) return true;
    }
    return false;
}

// Runs along the keyboard or the alphabet, in either direction, one after the other.
bool is_made_of_runs(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        std::size_t longest = 0;
        for (const std::string_view row : rows) {
            const std::string backwards(row.rbegin(), row.rend());
            for (const std::string_view way : {row, std::string_view(backwards)}) {
                std::size_t length = std::min(text.size() - at, way.size());
                while (length > longest && !way.contains(text.substr(at, length))) --length;
                longest = std::max(longest, length);
            }
        }
        if (longest < run_length_min) return false;
        at += longest;
    }
    return true;
}

bool is_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

constexpr std::size_t dates_length_max = 8;  // 31121999 and everything shorter

}  // namespace

bool is_common_password(std::string_view password) {
    const std::string plain = lower(password);
    if (is_digits(plain) && plain.size() <= dates_length_max) return true;
    if (is_repetition(plain) || is_made_of_runs(plain)) return true;
    const std::string bare(core_of(plain));
    const std::string undisguised = without_disguise(plain);
    return is_word(plain) || is_word(bare) || is_word(undisguised) || is_word(core_of(undisguised)) ||
           is_word(without_disguise(bare)) || (bare.size() >= run_length_min && is_made_of_runs(bare));
}

}  // namespace waybill
