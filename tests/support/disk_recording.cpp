#include "tests/support/disk_recording.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <utility>

namespace waybill::testing {

namespace {

constexpr std::uint64_t sector_bytes = 512;

std::string read_whole(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

bool one_in(std::mt19937_64& dice, std::uint64_t n) { return dice() % n == 0; }

// The temper of one file in one cut. All or nothing is what real disks do most, and what finds most.
enum class Mood : std::uint8_t { keep_all, drop_all, mixed };

Mood pick_mood(std::mt19937_64& dice) {
    switch (dice() % 4) {
        case 0:
            return Mood::keep_all;
        case 1:
            return Mood::drop_all;
        default:
            return Mood::mixed;
    }
}

bool is_kept(Mood mood, std::mt19937_64& dice) {
    switch (mood) {
        case Mood::keep_all:
            return true;
        case Mood::drop_all:
            return false;
        case Mood::mixed:
            return one_in(dice, 2);
    }
    return false;
}

void put(std::string& content, std::uint64_t at, std::string_view bytes) {
    if (content.size() < at + bytes.size()) content.resize(at + bytes.size(), '\0');
    content.replace(at, bytes.size(), bytes);
}

// Some of the sectors that it touches; those of none that had no content before hold zeros or anything.
void put_torn(std::string& content, std::uint64_t at, std::string_view bytes, std::mt19937_64& dice) {
    const std::uint64_t end = at + bytes.size();
    const std::uint64_t size_before = content.size();
    if (one_in(dice, 2)) {
        content.resize(std::max(size_before, end), '\0');
        const char filling = one_in(dice, 2) ? '\0' : static_cast<char>(dice());
        for (std::uint64_t i = size_before; i < content.size(); ++i) content[i] = filling;
    }
    const std::uint64_t sectors = (end + sector_bytes - 1) / sector_bytes - at / sector_bytes;
    const std::uint64_t torn_at = dice() % (sectors + 1);
    const std::uint64_t way = dice() % 3;  // the front arrived, the back did, or each sector by itself
    for (std::uint64_t i = 0; i < sectors; ++i) {
        const bool arrived = way == 0 ? i < torn_at : way == 1 ? i >= torn_at : one_in(dice, 2);
        if (!arrived) continue;
        const std::uint64_t from = std::max(at, (at / sector_bytes + i) * sector_bytes);
        const std::uint64_t to = std::min(end, (at / sector_bytes + i + 1) * sector_bytes);
        put(content, from, bytes.substr(from - at, to - from));
    }
}

}  // namespace

DiskRecording::DiskRecording(const std::filesystem::path& dir) : dir_(std::filesystem::weakly_canonical(dir)) {
    if (!std::filesystem::exists(dir)) return;
    for (const auto& entry : std::filesystem::directory_iterator(dir)) {
        const std::string name = entry.path().filename().string();
        if (!entry.is_regular_file() || name.ends_with("-shm") || name.ends_with(".lock")) continue;
        found_.emplace(name, initial_.size());
        initial_.push_back(read_whole(entry.path()));
    }
    names_ = found_;
}

bool DiskRecording::covers(const std::filesystem::path& file) const {
    return std::filesystem::weakly_canonical(file.parent_path()) == dir_;
}

void DiskRecording::add(Step step) {
    steps_.push_back(std::move(step));
    now_ = steps_.size();
}

DiskRecording::File DiskRecording::opened(const std::string& name, bool existed) {
    const std::lock_guard lock(mutex_);
    if (const auto known = names_.find(name); known != names_.end()) return known->second;
    const File file = initial_.size();
    initial_.push_back(existed ? read_whole(dir_ / name) : std::string());
    names_.emplace(name, file);
    add({.kind = Kind::link, .file = file, .bytes = name, .syncs_directory = existed});
    return file;
}

void DiskRecording::removed(const std::string& name, bool syncs_directory) {
    const std::lock_guard lock(mutex_);
    const auto known = names_.find(name);
    if (known == names_.end()) return;
    add({.kind = Kind::unlink, .file = known->second, .bytes = name, .syncs_directory = syncs_directory});
    names_.erase(known);
}

void DiskRecording::written(File file, std::uint64_t at, std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    add({.kind = Kind::write, .file = file, .at = at, .bytes = std::string(bytes)});
}

void DiskRecording::truncated(File file, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    add({.kind = Kind::truncate, .file = file, .at = size, .bytes = {}});
}

void DiskRecording::synced(File file, Stamp begun, bool syncs_directory) {
    const std::lock_guard lock(mutex_);
    add({.kind = Kind::sync, .file = file, .bytes = {}, .begun = begun, .syncs_directory = syncs_directory});
}

void DiskRecording::sync_failed(File file, Stamp begun) {
    const std::lock_guard lock(mutex_);
    add({.kind = Kind::failed_sync, .file = file, .bytes = {}, .begun = begun});
}

std::vector<DiskRecording::Fate> DiskRecording::decide(Stamp at) const {
    std::vector<Fate> fates(at, Fate::open);
    std::map<File, std::vector<Stamp>> open;  // steps of a file that no sync has settled
    std::vector<Stamp> open_names;
    for (Stamp i = 0; i < at; ++i) {
        const Step& step = steps_[i];
        const bool settles = step.kind == Kind::sync || step.kind == Kind::failed_sync;
        if (step.kind == Kind::write || step.kind == Kind::truncate) open[step.file].push_back(i);
        if (step.kind == Kind::link || step.kind == Kind::unlink) open_names.push_back(i);
        if (settles) {
            const Fate fate = step.kind == Kind::sync ? Fate::certain : Fate::doubtful;
            std::erase_if(open[step.file], [&](Stamp earlier) {
                if (earlier >= step.begun) return false;
                fates[earlier] = fate;
                return true;
            });
        }
        if (step.syncs_directory) {
            const Stamp before = settles ? step.begun : i + 1;
            std::erase_if(open_names, [&](Stamp earlier) {
                if (earlier >= before) return false;
                fates[earlier] = Fate::certain;
                return true;
            });
        }
    }
    return fates;
}

std::map<std::string, DiskRecording::File> DiskRecording::names_after(Stamp at, const std::vector<Fate>& fates,
                                                                      Dice& dice) const {
    std::map<std::string, File> names = found_;
    const Mood mood = pick_mood(dice);
    for (Stamp i = 0; i < at; ++i) {
        const Step& step = steps_[i];
        if (step.kind != Kind::link && step.kind != Kind::unlink) continue;
        if (fates[i] != Fate::certain && !is_kept(mood, dice)) continue;
        if (step.kind == Kind::link) {
            names.insert_or_assign(step.bytes, step.file);
        } else {
            names.erase(step.bytes);
        }
    }
    return names;
}

std::string DiskRecording::content_after(File file, Stamp at, const std::vector<Fate>& fates, Dice& dice) const {
    std::string content = initial_[file];
    const Mood mood = pick_mood(dice);
    const auto apply = [&](const Step& step) {
        if (step.kind == Kind::truncate) {
            content.resize(step.at, '\0');
        } else {
            put(content, step.at, step.bytes);
        }
    };
    const auto apply_perhaps = [&](const Step& step) {
        if (mood == Mood::mixed && step.kind == Kind::write && one_in(dice, 2)) {
            put_torn(content, step.at, step.bytes, dice);
        } else if (is_kept(mood, dice)) {
            apply(step);
        }
    };
    std::vector<Stamp> open;
    for (Stamp i = 0; i < at; ++i) {
        const Step& step = steps_[i];
        if (step.file != file || (step.kind != Kind::write && step.kind != Kind::truncate)) continue;
        switch (fates[i]) {
            case Fate::certain:
                apply(step);
                break;
            case Fate::doubtful:
                apply_perhaps(step);
                break;
            case Fate::open:
                open.push_back(i);
                break;
        }
    }
    if (mood == Mood::mixed && one_in(dice, 2)) std::ranges::shuffle(open, dice);
    for (const Stamp i : open) apply_perhaps(steps_[i]);
    return content;
}

void DiskRecording::recreate(Stamp at, std::uint64_t seed, const std::filesystem::path& dir) const {
    const std::lock_guard lock(mutex_);
    Dice dice(seed);
    const Stamp end = std::min(at, steps_.size());
    const std::vector<Fate> fates = decide(end);
    std::filesystem::create_directories(dir);
    for (const auto& [name, file] : names_after(end, fates, dice)) {
        std::ofstream out(dir / name, std::ios::binary | std::ios::trunc);
        out << content_after(file, end, fates, dice);
        if (!out.flush()) throw std::runtime_error("cannot write " + (dir / name).string());
    }
}

std::size_t DiskRecording::writes_behind(const std::string& name, std::uint64_t from) const {
    const std::lock_guard lock(mutex_);
    std::set<File> files;
    if (const auto found = found_.find(name); found != found_.end()) files.insert(found->second);
    std::size_t writes = 0;
    for (const Step& step : steps_) {
        if (step.kind == Kind::link && step.bytes == name) files.insert(step.file);
        if (step.kind != Kind::write || step.at < from || !files.contains(step.file)) continue;
        if (step.bytes.find_first_not_of('\0') != std::string::npos) ++writes;
    }
    return writes;
}

std::size_t DiskRecording::failed_syncs() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::ranges::count(steps_, Kind::failed_sync, [](const Step& step) { return step.kind; }));
}

}  // namespace waybill::testing
